"""The rows of a source's quarantine, and what became of each."""

from __future__ import annotations

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.quarantine_schema import QUARANTINE_SCHEMA, RELEASES_SCHEMA
from mlinfra_assets.lake.lake import Lake


def quarantined(lake: Lake, source: str) -> pl.DataFrame:
    """Every record that was ever quarantined, in order of position.

    Returns:
        `source`, the columns of `QUARANTINE_SCHEMA`, and `released`: number of the release that let it in; null: held.
    """
    table = lake.table(names.table(*names.quarantine(source)))
    held = table.read() if table.exists() else pl.DataFrame(schema=QUARANTINE_SCHEMA)
    released = releases(lake, source).select(
        pl.col("partition").alias(names.PARTITION),
        pl.col("offset").alias(names.OFFSET),
        pl.col("row").alias(names.ROW),
        pl.col("number").alias("released"),
    )
    return (
        held.select(QUARANTINE_SCHEMA.names())
        .join(released, on=[names.PARTITION, names.OFFSET, names.ROW], how="left")
        .select(pl.lit(source).alias("source"), *QUARANTINE_SCHEMA.names(), "released")
        .sort(names.PARTITION, names.OFFSET, names.ROW)
    )


def releases(lake: Lake, source: str) -> pl.DataFrame:
    """Every decision to let a record in (`RELEASES_SCHEMA`)."""
    table = lake.table(names.table(*names.releases(source)))
    return table.read() if table.exists() else pl.DataFrame(schema=RELEASES_SCHEMA)
