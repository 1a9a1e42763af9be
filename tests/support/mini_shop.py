"""A small simulated shop that the whole graph can be played on in a test."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache

import polars as pl

from mlinfra_assets.demo import simulated_rates, simulated_shop
from mlinfra_assets.demo.shop import ShopData

ACCOUNTS = 300
LAST = datetime(2011, 11, 30, tzinfo=UTC)


@cache
def mini_shop() -> ShopData:
    """A year of three hundred accounts and some guests."""
    lines = simulated_shop.simulate()
    accounts = lines["CustomerID"].drop_nulls().unique().sort().head(ACCOUNTS)
    few = pl.col("CustomerID").is_in(accounts.implode()) | (
        pl.col("CustomerID").is_null() & pl.col("InvoiceNo").str.ends_with("7")
    )
    return ShopData(
        lines=lines.filter(few & (pl.col("at") < LAST)),
        rates=simulated_rates.simulate(),
        origin="a small simulated shop",
        rates_origin="simulated rates",
        simulated=True,
        fingerprint="mini",
    )
