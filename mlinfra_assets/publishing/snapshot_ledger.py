"""Which files of a view's snapshots were computed from what: the record by which an unchanged day is told.

A record says that certain files of `features/<view>` hold a day's snapshot for a digest of its inputs. Paths of files
are never used twice, so a record stays true for ever: whatever happens to the table (a restore, a day replaced, a crash
before the record was written), a day for which the table's files and the present digest are on record together is the
day that would be computed again, and any other is computed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from mlinfra_assets.feature_store.canonical import canonical_json
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable

TABLE = "registry/snapshot_days"
SCHEMA = pl.Schema(
    {
        "view": pl.String(),
        "day": pl.Date(),
        "view_version": pl.String(),
        "models": pl.String(),
        "known_rows": pl.Int64(),
        "digest": pl.String(),
        "rows": pl.Int64(),
        "files": pl.String(),
        "table_version": pl.Int64(),
        "computed_at": pl.Datetime("us", "UTC"),
        "run_id": pl.String(),
    }
)

NO_TABLE = ""


@dataclass(frozen=True)
class StoredDay:
    """What the table of a view's snapshots holds of a day.

    Attributes:
        rows: Number of rows.
        files: 32 hexadecimal digits over the paths of the files that hold them.
    """

    rows: int
    files: str


@dataclass(frozen=True)
class ComputedDay:
    """A record: a day, what it was computed from, and where it was put.

    Attributes:
        view: The view.
        day: The UTC day.
        view_version: Version of the view.
        models: Versions of the models that scored, by model, as JSON.
        known_rows: Rows of its datasets that were known by then.
        digest: Over all inputs, as in `DayInputs`.
        rows: Rows of the snapshot.
        files: Over the files that hold them, as in `StoredDay`.
        table_version: Version of the view's snapshots that they were committed with.
        computed_at: When, UTC.
        run_id: By which run.
    """

    view: str
    day: date
    view_version: str
    models: str
    known_rows: int
    digest: str
    rows: int
    files: str
    table_version: int
    computed_at: datetime
    run_id: str


def stored_days(table: LakeTable, days: Iterable[date], version: int | None = None) -> dict[date, StoredDay]:
    """What a view's snapshots hold of some days; a day without rows is one without files."""
    if not table.exists():
        return dict.fromkeys(days, StoredDay(0, NO_TABLE))
    parts = table.partitions(version).select("day", "rows", "files").iter_rows()
    found = {day: StoredDay(rows, _digest(files)) for day, rows, files in parts}
    nothing = StoredDay(0, _digest([]))
    return {day: found.get(day, nothing) for day in days}


class SnapshotLedger:
    """The records of all views in the table `registry/snapshot_days`, append-only."""

    def __init__(self, lake: Lake) -> None:
        self._table = lake.table(TABLE)

    def days(self, view: str, days: Sequence[date]) -> dict[date, list[ComputedDay]]:
        """The records of some days of a view, newest first."""
        found: dict[date, list[ComputedDay]] = {day: [] for day in days}
        if not days or not self._table.exists():
            return found
        where = [("view", "==", view), ("day", ">=", min(days)), ("day", "<=", max(days))]
        rows = self._table.read(where=where).sort("table_version", "computed_at", descending=True)
        for row in rows.iter_rows(named=True):
            if row["day"] in found:
                found[row["day"]].append(ComputedDay(**row))
        return found

    def outdated(self, view: str, table: LakeTable, version: str) -> list[date]:
        """The days of a table, in order, that hold values of another version of the view than this one."""
        held = stored_days(table, table.partitions()["day"].to_list()) if table.exists() else {}
        records = self.days(view, list(held))
        versions = {day: {r.view_version for r in records[day] if r.files == held[day].files} for day in held}
        return sorted(day for day, found in versions.items() if found and version not in found)

    def record(self, computed: Sequence[ComputedDay], provenance: Provenance) -> None:
        """Keep records."""
        rows = pl.DataFrame([one.__dict__ for one in computed], schema=SCHEMA)
        self._table.append(rows, provenance=provenance, stats_columns=["view", "day", "table_version"])
        self._table.maintain()


def _digest(files: Sequence[str]) -> str:
    return hashlib.sha256(canonical_json(list(files)).encode()).hexdigest()[:32]
