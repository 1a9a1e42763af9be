"""How late records come: behind newer ones of their source, and after the snapshot of their day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.publishing.snapshots import newest_day, newest_snapshot

LATE_AFTER = timedelta(hours=1)
"""A record that comes so long after newer ones is late; one that comes sooner is out of order at most."""
TIMESTAMP = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Lateness:
    """Valid records by when they came.

    Attributes:
        out_of_order: Records that happened before another that stands before them in their partition, or that the
            table held before.
        late: Of these, those that come more than `LATE_AFTER` behind it; and those that became known after the end of
            their day, when that day already has snapshots.
        after_snapshot: Of the late ones, those whose day already has snapshots.
        most_seconds: The furthest that one of them was behind.
    """

    out_of_order: int = 0
    late: int = 0
    after_snapshot: int = 0
    most_seconds: float = 0.0

    def __add__(self, other: Lateness) -> Lateness:
        return Lateness(
            self.out_of_order + other.out_of_order,
            self.late + other.late,
            self.after_snapshot + other.after_snapshot,
            max(self.most_seconds, other.most_seconds),
        )


class LateRecords:
    """Counts the late records of one validation, batch by batch.

    Records of assumed history are not late: when they became known is itself an assumption. A record from the future
    moves nothing further than when it became known, so that a clock that goes fast makes no other record late.

    Args:
        lake: Where snapshots are.
        source: The source.
        table: Its processed table, before the first batch.
    """

    def __init__(self, lake: Lake, source: str, table: LakeTable) -> None:
        self._lake = lake
        self._source = source
        newest = table.maximum(names.EVENT_TIME) if table.exists() else None
        self._newest = newest if isinstance(newest, datetime) else None
        self._front: dict[int, datetime] = {}
        self._until: datetime | None = None
        self._asked = False

    def count(self, valid: pl.DataFrame) -> Lateness:
        """Those among the valid records of a batch, which were not written yet."""
        places = valid.select(names.PARTITION, names.OFFSET, names.ROW, names.EVENT_TIME, names.KNOWN_AT, names.ASSUMED)
        rows = places.filter(~pl.col(names.ASSUMED)).sort(names.PARTITION, names.OFFSET, names.ROW)
        parts = rows.partition_by(names.PARTITION)
        return sum((self._of_partition(part) for part in parts), start=Lateness())

    def _of_partition(self, rows: pl.DataFrame) -> Lateness:
        partition = int(rows[names.PARTITION][0])
        event, known = pl.col(names.EVENT_TIME), pl.col(names.KNOWN_AT)
        begun = self._front.get(partition) or _capped(self._newest, rows[names.KNOWN_AT].min())
        happened = rows.select(pl.min_horizontal(event, known).cum_max()).to_series()
        front = happened.shift(1, fill_value=begun)
        if begun is not None:
            front = pl.select(pl.max_horizontal(front, pl.lit(begun, TIMESTAMP))).to_series()
            self._front[partition] = max(begun, happened[-1])
        else:
            self._front[partition] = happened[-1]
        until = self._snapshots_until() if rows.filter(_crosses_a_day()).height else None
        behind = pl.lit(front) - event
        snapped = pl.lit(False) if until is None else _crosses_a_day() & (event <= pl.lit(until, TIMESTAMP))
        counted = rows.select(
            out=(behind > timedelta()).sum(),
            late=((behind > LATE_AFTER) | snapped).sum(),
            snapped=(event.is_not_null() & snapped).sum(),
            most=behind.max().dt.total_microseconds(),
        ).row(0)
        return Lateness(counted[0], counted[1], counted[2], max(counted[3] or 0, 0) / 1e6)

    def _snapshots_until(self) -> datetime | None:
        """The end of the newest day that has snapshots computed from this source."""
        if not self._asked:
            days = [day for name in self._lake.tables() if (day := self._newest_day(name)) is not None]
            self._until = max((datetime.combine(day, time.max, UTC) for day in days), default=None)
            self._asked = True
        return self._until

    def _newest_day(self, name: str) -> date | None:
        if not name.startswith(f"{names.FEATURES}/"):
            return None
        table = self._lake.table(name)
        provenance = newest_snapshot(table)
        return newest_day(table) if provenance is not None and self._source in provenance.positions else None


def _crosses_a_day() -> pl.Expr:
    """Whether a record became known after the end of the day (UTC) on which it happened."""
    return pl.col(names.KNOWN_AT).dt.date() > pl.col(names.EVENT_TIME).dt.date()


def _capped(newest: datetime | None, known: object) -> datetime | None:
    return min(newest, known) if newest is not None and isinstance(known, datetime) else newest
