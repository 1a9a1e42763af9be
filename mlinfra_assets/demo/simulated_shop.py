"""A seeded, simulated year of the shop, in the form of the real data, for a demo without a network."""

from __future__ import annotations

from datetime import datetime

import numpy as np
import polars as pl

from mlinfra_assets.demo import order_lines
from mlinfra_assets.demo.simulated_calendar import FIRST, OPEN_NUMBERS, minutes_at
from mlinfra_assets.demo.simulated_catalogue import Catalogue, catalogue
from mlinfra_assets.demo.simulated_customers import Customers, customers
from mlinfra_assets.demo.simulated_slips import slips

SEED = 352
GUEST_INVOICES = 800
FIRST_INVOICE = 536_365
HOME = "United Kingdom"


def simulate(seed: int = SEED) -> pl.DataFrame:
    """Order lines of a year: accounts and guests, credit notes, postage, bad debt, and a few slips of the hand.

    Args:
        seed: Equal seeds give equal lines.

    Returns:
        Columns of `order_lines.SCHEMA`, from 2010-12-01 to 2011-12-09, in time order.
    """
    draw = np.random.default_rng(seed)
    goods, people = catalogue(draw), customers(draw)
    sales = pl.concat([_account_sales(draw, goods, people), _guest_sales(draw, goods)])
    parts = [sales, _postage(sales), _credit_notes(draw, sales, people), *slips(draw, sales)]
    return _as_written(pl.concat([part.select(sales.columns) for part in parts]))


def _account_sales(draw: np.random.Generator, goods: Catalogue, people: Customers) -> pl.DataFrame:
    minute = minutes_at(people.day, draw)
    who = people.visitor[minute >= 0]
    count = np.clip(draw.poisson(people.lines[who]), 1, None)
    return _sales(
        draw,
        goods,
        minute[minute >= 0],
        count,
        people.scale[who],
        pl.DataFrame({"customer": people.numbers[who], "country": people.countries[who]}),
    )


def _guest_sales(draw: np.random.Generator, goods: Catalogue) -> pl.DataFrame:
    """Sales without an account: many lines, a unit or two of each, at till prices."""
    minute = minutes_at(draw.choice(OPEN_NUMBERS, GUEST_INVOICES).astype(np.float64), draw)
    count = np.clip(np.rint(draw.lognormal(3.1, 0.7, GUEST_INVOICES)), 1, 250).astype(np.int64)
    who = pl.DataFrame({"customer": pl.Series([None] * GUEST_INVOICES, dtype=pl.Int64), "country": [HOME] * count.size})
    return _sales(draw, goods, minute, count, np.full(count.size, 0.15), who)


def _sales(
    draw: np.random.Generator,
    goods: Catalogue,
    minute: np.ndarray,
    count: np.ndarray,
    scale: np.ndarray,
    who: pl.DataFrame,
) -> pl.DataFrame:
    """Lines of invoices: `count` products each, picked by popularity."""
    invoice = np.repeat(np.arange(count.size), count)
    product = np.searchsorted(np.cumsum(goods.popularity), draw.random(invoice.size)).clip(max=goods.codes.size - 1)
    units = draw.lognormal(2.4, 0.8, invoice.size) * scale[invoice] / (goods.pence[product] / 150.0) ** 0.6
    lines = pl.DataFrame(
        {
            "invoice": invoice,
            "code": goods.codes[product],
            "description": goods.descriptions[product],
            "quantity": np.clip(np.rint(units), 1, 2_000).astype(np.int64),
            "pence": goods.pence[product],
        }
    )
    # invoices are told apart by when and for whom they are; their numbers follow time and are given at the end
    heads = who.with_columns(
        pl.Series("minute", minute), pl.lit("").alias("kind"), pl.int_range(pl.len(), dtype=pl.Int64).alias("invoice")
    ).with_columns(pl.format("{}/{}/{}", "minute", pl.col("customer").fill_null(0), "invoice").alias("key"))
    return lines.join(heads, on="invoice", maintain_order="left").drop("invoice")


def _postage(sales: pl.DataFrame) -> pl.DataFrame:
    """A line of postage on most invoices that go abroad."""
    abroad = sales.filter(pl.col("country") != HOME).unique("key", keep="first", maintain_order=True)
    return abroad.with_columns(
        pl.lit("POST").alias("code"),
        pl.lit("POSTAGE").alias("description"),
        (1 + pl.col("quantity") % 3).alias("quantity"),
        pl.lit(1_800, dtype=pl.Int64).alias("pence"),
    )


def _credit_notes(draw: np.random.Generator, sales: pl.DataFrame, people: Customers) -> pl.DataFrame:
    """What comes back: some lines of an order, days later, as often as its customer sends things back."""
    chance = pl.DataFrame({"customer": people.numbers, "chance": people.returns})
    lines = sales.join(chance, on="customer", how="inner", maintain_order="left")
    orders = lines.select("key", "chance", "minute").unique("key", keep="first", maintain_order=True)
    back = orders.filter(pl.Series(draw.random(orders.height)) < pl.col("chance"))
    later = minutes_at(back["minute"].to_numpy() / 1440.0 + draw.gamma(2.0, 5.0, back.height) + 1.0, draw)
    back = back.select("key", pl.Series("back_at", later)).filter(pl.col("back_at") >= 0)
    taken = lines.join(back, on="key", how="inner", maintain_order="left")
    taken = taken.filter(pl.Series(draw.random(taken.height)) < 0.2)
    share = pl.Series(draw.uniform(0.3, 1.0, taken.height))
    return taken.with_columns(
        pl.lit("C").alias("kind"),
        pl.col("back_at").alias("minute"),
        pl.format("C{}", "key").alias("key"),
        (-(pl.col("quantity") * share).ceil().cast(pl.Int64)).alias("quantity"),
    )


def _as_written(lines: pl.DataFrame) -> pl.DataFrame:
    """Number the invoices in order of time, and write everything as the till does."""
    lines = lines.sort("minute", "key", maintain_order=True)
    number = FIRST_INVOICE + pl.col("key").rle_id().cast(pl.Int64)
    pounds = (pl.col("pence") / 100).round(2).cast(pl.String)
    start = pl.lit(datetime(FIRST.year, FIRST.month, FIRST.day))  # noqa: DTZ001 - the shop's wall clock has no zone
    return order_lines.arrange(
        lines.select(
            pl.format("{}{}", "kind", number).alias("InvoiceNo"),
            pl.col("code").alias("StockCode"),
            pl.col("description").alias("Description"),
            pl.col("quantity").cast(pl.String).alias("Quantity"),
            (start + pl.duration(minutes="minute")).dt.cast_time_unit("us").alias("InvoiceDate"),
            pounds.alias("UnitPrice"),
            pl.format("{}.0", "customer").alias("CustomerID"),
            pl.col("country").alias("Country"),
        )
    )
