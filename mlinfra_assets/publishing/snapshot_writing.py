"""Computed snapshots into the lake: in place of those of the same days, each with the record of what it was made of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime

import polars as pl

from mlinfra_assets.fault_points import reach
from mlinfra_assets.feature_store.canonical import canonical_json
from mlinfra_assets.feature_store.snapshot import DAY, empty_snapshot
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.errors import SchemaMismatchError
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.schema import canonical, to_arrow
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.publishing.day_inputs import DayInputs
from mlinfra_assets.publishing.day_standing import ranges
from mlinfra_assets.publishing.snapshot_ledger import ComputedDay, SnapshotLedger, StoredDay, stored_days
from mlinfra_assets.publishing.snapshots import LAST_DAY, newest_day, newest_snapshot

VIEW_VERSION = "view_version"


class SnapshotWriter:
    """Writes the snapshots of one view.

    Args:
        table: The view's snapshots.
        ledger: Where it is recorded what they were computed from.
        view: The view.
        version: Its version.
        run: Run, code version, and the inputs that the snapshots are computed from, with what they cover.
        now: The present, UTC.

    Attributes:
        rows: Rows written so far.
    """

    def __init__(
        self,
        table: LakeTable,
        ledger: SnapshotLedger,
        view: FeatureView,
        version: str,
        run: Provenance,
        now: datetime,
    ) -> None:
        self._table = table
        self._ledger = ledger
        self._view = view
        self._version = version
        self._run = run
        self._now = now
        self.rows = 0

    def open(self, asked: Sequence[date]) -> None:
        """Make the table one that can hold the view's features.

        Features may come and go: days that have no value of one have null. A feature whose type is another empties the
        table, if each of its days is among those asked for.

        Raises:
            SchemaMismatchError: A type is another, and not each day is asked for.
        """
        if not self._table.exists():
            return
        there = {field.name: field.type for field in self._table.schema()}
        empty = to_arrow(empty_snapshot(self._view))
        differing = [f for f in canonical(empty.schema) if there.get(f.name, f.type) != f.type]
        if not differing:
            return
        held = self._table.partitions()[DAY].sort()
        if not set(held) <= set(asked):
            text = ", ".join(f"{f.name} was {there[f.name]} and is {f.type}" for f in differing)
            raise SchemaMismatchError(
                f"table {self._table.name} holds features of another type: {text}; nothing was written: materialize "
                f"all its days, {held[0]} to {held[-1]}, in one run, which replaces them"
            )
        self._table.replace(
            empty, provenance=self._stamped(None), partition_by=(DAY,), stats_columns=(), schema_change=True
        )

    def write(self, inputs: Sequence[DayInputs], frame: pl.DataFrame) -> None:
        """Put the snapshots of some days in place of those that are there, in one commit.

        Args:
            inputs: What each day was computed from, in order of day. A day without rows loses those that it has.
            frame: The snapshots of these days.

        Raises:
            WriteConflictError: Another writer changed the same days again and again.
        """
        days = [one.day for one in inputs]
        commit = self._table.replace(
            to_arrow(frame),
            provenance=self._stamped(days[-1]),
            where=_where(days),
            partition_by=(DAY,),
            stats_columns=(),
            schema_mode="merge",
        )
        reach("features.between_commits")
        stored = stored_days(self._table, days, commit.version)
        self._ledger.record([self._record(one, stored[one.day], commit.version) for one in inputs], self._run)
        self.rows += commit.rows

    def confirm(self, day: date) -> None:
        """Say that the snapshot of a day agrees with the present inputs, if it is the newest and names older ones."""
        newest, present = newest_day(self._table), newest_snapshot(self._table)
        if newest is None or present is None or day < newest or present.inputs == self._run.inputs:
            return
        self._table.note(self._stamped(day))

    def _stamped(self, day: date | None) -> Provenance:
        last = {} if day is None else {LAST_DAY: day.isoformat()}
        return replace(self._run, extra={VIEW_VERSION: self._version, **last})

    def _record(self, inputs: DayInputs, stored: StoredDay, version: int) -> ComputedDay:
        return ComputedDay(
            view=self._view.name,
            day=inputs.day,
            view_version=inputs.view_version,
            models=canonical_json(dict(inputs.models)),
            known_rows=inputs.known_rows,
            digest=inputs.digest,
            rows=stored.rows,
            files=stored.files,
            table_version=version,
            computed_at=self._now,
            run_id=self._run.run_id,
        )


def _where(days: Sequence[date]) -> str:
    parts = [f"(day >= '{first.isoformat()}' AND day <= '{last.isoformat()}')" for first, last in ranges(days)]
    return " OR ".join(parts)
