"""A lake with the small shop's staged lines, and the snapshots of a view over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

from mlinfra_assets.curated.row_wise import RowWiseModel
from mlinfra_assets.feature_store import Entity, FeatureStore, FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.positions import Positions
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.publishing.snapshot_days import MaterializedDays, materialize_days
from tests.support.audited_shop import sources
from tests.support.shop_lines import LINES, shop_lines
from tests.support.staging import STAGING_SQL

NOW = datetime(2011, 6, 1, tzinfo=UTC)
customer = Entity("customer", join_keys=["customer_id"])


def habits(window: str = "30d", ttl: str | None = "180d") -> FeatureView:
    """A small view of the lines."""

    def customer_habits(stg_order_lines: Any) -> dict[str, Any]:
        lines = stg_order_lines
        return {
            "lines": lines.count(window),
            "spent": lines["line_amount"].sum(),
            "last_code": lines["stock_code"].last(),
        }

    store = FeatureStore({LINES.name: LINES})
    return store.create_feature_view("customer_habits", [customer], ttl=ttl)(customer_habits)


def quantities(scale: float | None = None) -> FeatureView:
    """A view whose only feature is a whole number that can grow too large; with `scale`, a float."""

    def quantity(stg_order_lines: Any) -> dict[str, Any]:
        total = stg_order_lines["quantity"].sum()
        return {"quantity": total if scale is None else total * scale}

    store = FeatureStore({LINES.name: LINES})
    return store.create_feature_view("customer_habits", [customer])(quantity)


def documents() -> Documents:
    """The documents of views over the staged lines."""
    staging = RowWiseModel("stg_order_lines", STAGING_SQL, "order_lines", {})
    return Documents({LINES.name: LINES}, _sources(), {"stg_order_lines": staging})


_sources = cache(sources)


@dataclass
class SnapshotShop:
    """The lake and what a test does with it."""

    lake: Lake
    lines: pl.DataFrame = field(default_factory=lambda: shop_lines(customers=30, days=60))

    def __post_init__(self) -> None:
        self.publish(self.lines)

    @property
    def table(self) -> LakeTable:
        """The snapshots."""
        return self.lake.table("features/customer_habits")

    def rows(self) -> pl.DataFrame:
        """All snapshots, in order."""
        return self.table.read().sort("day", "customer_id")

    def publish(self, lines: pl.DataFrame) -> int:
        """Put lines in place of the staged ones; the version that holds them."""
        last = lines["_offset"].max()
        assert isinstance(last, int)
        provenance = Provenance("dbt", "code", positions={"order_lines": Positions({0: last})})
        return self.lake.table(LINES.table).replace(lines, provenance=provenance).version

    def publish_late(self, customer_id: int, at: datetime, known_at: datetime) -> int:
        """Publish the lines with one more, that happened at one moment and came to be known at another."""
        last = self.lines.sort("_offset").tail(1)
        late = last.with_columns(
            pl.lit(customer_id, pl.Int64()).alias("customer_id"),
            pl.lit(at).cast(pl.Datetime("us", "UTC")).alias("_event_time"),
            pl.lit(known_at).cast(pl.Datetime("us", "UTC")).alias("_known_at"),
            pl.col("_offset") + 1,
        )
        self.lines = pl.concat([self.lines, late])
        return self.publish(self.lines)

    def materialize(
        self, days: Sequence[date], view: FeatureView | None = None, run: str = "run", **how: Any
    ) -> MaterializedDays:
        """The snapshots of some days."""
        return materialize_days(self.lake, view or habits(), documents(), days, Provenance(run, "code"), NOW, **how)


def snapshot_shop(folder: Path) -> SnapshotShop:
    """A shop whose 60 days from 2011-01-03 on are in."""
    return SnapshotShop(Lake(str(folder / "lake")))


def days(first: date, count: int) -> list[date]:
    """Days that follow each other."""
    return [first + timedelta(days=n) for n in range(count)]
