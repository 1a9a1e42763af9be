"""A new version of the staged order lines without a run of dbt: what a later run would have published."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import polars as pl

from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.names import EVENT_TIME, KNOWN_AT
from mlinfra_assets.positions import Positions

TABLE, SOURCE = "curated/stg_order_lines", "order_lines"


def publish_more(lake: Lake) -> Positions:
    """Publish the staged lines with one more, a repeat of the newest at the next position; returns the watermark."""
    rows = lake.table(TABLE).read()
    last = rows.sort("_offset").tail(1)
    more = last.with_columns(pl.col("_offset") + 1)
    return republish(lake, lambda rows: pl.concat([rows, more]), {0: int(more["_offset"][0])})


def republish(
    lake: Lake, change: Callable[[pl.DataFrame], pl.DataFrame], offsets: dict[int, int] | None = None
) -> Positions:
    """Publish the staged lines changed; returns the watermark that the new version names."""
    table = lake.table(TABLE)
    before = table.provenance()
    assert before is not None
    at = before.positions[SOURCE]
    watermark = at if offsets is None else Positions(offsets=offsets, releases=at.releases)
    table.replace(change(table.read()), provenance=replace(before, positions={**before.positions, SOURCE: watermark}))
    return watermark


def move_on(lake: Lake, at: datetime, offset: int) -> Positions:
    """Publish the staged lines with one more, of a moment and a position: time has passed and nothing else happened."""
    last = lake.table(TABLE).read().sort("_offset").tail(1)
    moment = pl.lit(at).cast(pl.Datetime("us", "UTC"))
    more = last.with_columns(_event_time=moment, _known_at=moment, _offset=pl.lit(offset, pl.Int64()))
    return republish(lake, lambda rows: pl.concat([rows, more]), {0: offset})


def late_line(lake: Lake, at: datetime, known_at: datetime) -> int:
    """Publish the staged lines with one more sale that happened at `at`; returns whose it is."""
    sale = (
        lake.table(TABLE)
        .read()
        .filter(pl.col("is_sale"), pl.col("customer_id").is_not_null(), pl.col("_event_time") < at)
        .sort("_offset")
        .tail(1)
    )
    moments = [pl.lit(m).cast(pl.Datetime("us", "UTC")).alias(c) for m, c in ((at, EVENT_TIME), (known_at, KNOWN_AT))]
    newest = lake.table(TABLE).read(columns=["_offset"])["_offset"].max()
    assert isinstance(newest, int)
    late = sale.with_columns(*moments, pl.lit(newest + 1, pl.Int64()).alias("_offset"))
    republish(lake, lambda rows: pl.concat([rows, late]), {0: newest + 1})
    return int(late["customer_id"][0])
