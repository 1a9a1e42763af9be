"""What goes wrong at the simulated shop's till, in kind and number like what went wrong at the real one's."""

from __future__ import annotations

import numpy as np
import polars as pl

WRITE_OFFS = 220
SLIPS = 3
BAD_DEBT = (1_106_206, -1_106_206, -1_106_206)
BAD_DEBT_DAY = 254
WORDS = ("damaged", "lost", "wet boxes", "check", "thrown away", "sold as set on dotcom", "?", "mouldy")


def slips(draw: np.random.Generator, sales: pl.DataFrame) -> list[pl.DataFrame]:
    """Lines that are not plain trade.

    Args:
        draw: Source of chance.
        sales: The shop's plain sales, whose columns the result has.

    Returns:
        Stock write-offs keyed in as sales (which break the contract), orders of far too many units with their
        cancellation (which break it too), free samples, and adjustments of bad debt (valid, but not trade).
    """
    return [_write_offs(draw, sales), *_too_many(draw, sales), _samples(draw, sales), _bad_debt(sales)]


def _pick(draw: np.random.Generator, sales: pl.DataFrame, count: int) -> pl.DataFrame:
    return sales[np.sort(draw.choice(sales.height, count, replace=False))]


def _write_offs(draw: np.random.Generator, sales: pl.DataFrame) -> pl.DataFrame:
    picked = _pick(draw, sales, WRITE_OFFS)
    return picked.with_columns(
        (-pl.col("quantity") * 5).alias("quantity"),
        pl.Series("description", draw.choice(np.array(WORDS), picked.height)),
        pl.lit(0, dtype=pl.Int64).alias("pence"),
        pl.lit(None, dtype=pl.Int64).alias("customer"),
        pl.format("W{}", "key").alias("key"),
    )


def _too_many(draw: np.random.Generator, sales: pl.DataFrame) -> list[pl.DataFrame]:
    picked = _pick(draw, sales.filter(pl.col("customer").is_not_null()), SLIPS)
    ordered = picked.with_columns((pl.col("quantity") + 74_215).alias("quantity"), pl.format("T{}", "key").alias("key"))
    taken_back = ordered.with_columns(
        -pl.col("quantity"), pl.col("minute") + 16, pl.lit("C").alias("kind"), pl.format("C{}", "key").alias("key")
    )
    return [ordered, taken_back]


def _samples(draw: np.random.Generator, sales: pl.DataFrame) -> pl.DataFrame:
    return _pick(draw, sales, SLIPS * 10).with_columns(pl.lit(0, dtype=pl.Int64).alias("pence"))


def _bad_debt(sales: pl.DataFrame) -> pl.DataFrame:
    """Three adjustments within three minutes, as the real shop's books had them on one August day."""
    base = sales.head(len(BAD_DEBT))
    noon = BAD_DEBT_DAY * 1440 + 14 * 60 + 50
    return base.with_columns(
        pl.lit("B").alias("code"),
        pl.lit("Adjust bad debt").alias("description"),
        pl.lit(1, dtype=pl.Int64).alias("quantity"),
        pl.Series("pence", BAD_DEBT),
        pl.lit(None, dtype=pl.Int64).alias("customer"),
        pl.lit("United Kingdom").alias("country"),
        pl.int_range(noon, noon + len(BAD_DEBT), dtype=pl.Int64).alias("minute"),
        pl.lit("A").alias("kind"),
        pl.format("A{}", pl.int_range(len(BAD_DEBT))).alias("key"),
    )
