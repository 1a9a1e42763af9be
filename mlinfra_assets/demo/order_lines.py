"""The one shape that every form of the shop's data is brought into before it is played."""

from __future__ import annotations

import polars as pl

TEXT = ("InvoiceNo", "StockCode", "Description", "Quantity", "UnitPrice", "CustomerID", "Country")
ZONE = "Europe/London"

SCHEMA = pl.Schema(
    {
        "InvoiceNo": pl.String(),
        "StockCode": pl.String(),
        "Description": pl.String(),
        "Quantity": pl.String(),
        "InvoiceDate": pl.Datetime("us"),
        "UnitPrice": pl.String(),
        "CustomerID": pl.String(),
        "Country": pl.String(),
        "at": pl.Datetime("us", "UTC"),
    }
)
"""Columns of the order lines.

All but the times are text as the till would write it: a number that the data spells wrongly reaches the contract as it
is. `InvoiceDate` is the wall clock in London; `at` is the same moment in UTC, when the line reaches the stream.
"""


def arrange(lines: pl.DataFrame) -> pl.DataFrame:
    """Add `at` to order lines and put them in time order; lines of one moment keep their order.

    Args:
        lines: The columns of `SCHEMA` without `at`.

    Returns:
        The columns of `SCHEMA`. An hour that the clock shows twice is taken as its first pass.
    """
    at = pl.col("InvoiceDate").dt.replace_time_zone(ZONE, ambiguous="earliest", non_existent="null")
    # in the hour that the clock skips in spring, the wall clock is an hour ahead of what it should show
    ahead = (pl.col("InvoiceDate") - pl.duration(hours=1)).dt.replace_time_zone(ZONE, ambiguous="earliest")
    moment = pl.coalesce(at, ahead.dt.offset_by("1h")).dt.convert_time_zone("UTC").alias("at")
    return lines.with_columns(moment).sort("at", maintain_order=True).select(SCHEMA.names()).cast(SCHEMA)
