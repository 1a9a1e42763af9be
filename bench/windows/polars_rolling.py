"""Polars: rolling aggregates over events and moments together.

Key and time are put into one number, in which keys lie further apart than the longest window reaches.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from bench.harness.events import FIRST_DAY
from bench.harness.layout import KEY, LABEL_ID, LABEL_TIME, parts
from bench.windows.data import DATASET
from bench.windows.layout import DAYS, DISTINCT, SPAN_DAYS, TOTALS, VALUE, features
from mlinfra_assets import names

_DAY = 86_400_000_000
_AT = "_at"


def ready(data: Path, variant: str) -> Callable[[], pl.DataFrame]:
    """Nothing to get ready."""
    value = VALUE[variant]

    def work() -> pl.DataFrame:
        events = pl.scan_parquet(list(parts(data / DATASET))).select(
            KEY, pl.col(names.EVENT_TIME).alias(_AT), value, pl.lit(None, pl.Int64).alias(LABEL_ID)
        )
        moments = pl.scan_parquet(data / "labels.parquet").select(
            KEY, pl.col(LABEL_TIME).alias(_AT), pl.lit(None, pl.Int64).alias(value), LABEL_ID
        )
        rows = pl.concat([events, moments]).select(_place(), value, LABEL_ID).sort(_AT).collect(engine="streaming")
        return _distinct(rows, value) if variant == DISTINCT else _rolled(rows, variant, value)

    return work


def save(answer: pl.DataFrame, path: Path) -> None:
    """Write the answer."""
    answer.write_parquet(path)


def _place() -> pl.Expr:
    """Microseconds, a stretch of its own for each key."""
    stretch = (SPAN_DAYS + max(DAYS) + 1) * _DAY
    return (pl.col(KEY) * stretch + pl.col(_AT).to_physical() - FIRST_DAY).alias(_AT)


def _rolled(rows: pl.DataFrame, asked: str, value: str) -> pl.DataFrame:
    wanted: list[pl.Expr] = []
    for days in DAYS:
        window = f"{days * _DAY}i"
        if asked == TOTALS:
            present = pl.col(value).is_not_null().cast(pl.Int64)
            count = present.rolling_sum_by(_AT, window)
            total = pl.col(value).fill_null(0).rolling_sum_by(_AT, window)
            some = pl.when(count > 0)
            wanted += [
                count.alias(f"count_{days}d"),
                some.then(total).alias(f"sum_{days}d"),
                some.then(total / count).alias(f"mean_{days}d"),
            ]
        else:
            wanted.append(pl.col(value).rolling_max_by(_AT, window).alias(f"max_{days}d"))
    answered = rows.lazy().select(LABEL_ID, *wanted).filter(pl.col(LABEL_ID).is_not_null())
    return answered.collect()


def _distinct(rows: pl.DataFrame, value: str) -> pl.DataFrame:
    answer = rows.select(LABEL_ID)
    for days in DAYS:
        counted = rows.rolling(_AT, period=f"{days * _DAY}i").agg(pl.col(value).drop_nulls().n_unique().alias("n"))
        answer = answer.with_columns(counted.get_column("n").alias(f"distinct_{days}d"))
    return answer.filter(pl.col(LABEL_ID).is_not_null()).select(LABEL_ID, *features(DISTINCT))
