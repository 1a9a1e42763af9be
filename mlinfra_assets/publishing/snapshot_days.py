"""A view's snapshots of some days into the lake: what is unchanged is not computed again, the rest in one commit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.fault_points import reach
from mlinfra_assets.feature_store.canonical import canonical_json
from mlinfra_assets.feature_store.engine.related import prepare_view
from mlinfra_assets.feature_store.snapshot import CHUNK_ROWS, DAY, iterate_snapshots
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.learning.scores import ProductionScores
from mlinfra_assets.positions import Positions
from mlinfra_assets.publishing.day_inputs import DayInputs, day_inputs
from mlinfra_assets.publishing.day_standing import Standing, standing
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.publishing.lake_reader import LakeReader
from mlinfra_assets.publishing.snapshot_check import SnapshotCheck, SnapshotChecker
from mlinfra_assets.publishing.snapshot_ledger import ComputedDay, SnapshotLedger, StoredDay, stored_days
from mlinfra_assets.publishing.snapshot_writing import Written, write_snapshots
from mlinfra_assets.publishing.snapshots import LAST_DAY, newest_day, newest_snapshot
from mlinfra_assets.registry.registry import Registry

VIEW_VERSION = "view_version"
Progress = Callable[[int, int], None]
"""Told the days that are done, and how many there are."""


@dataclass(frozen=True)
class MaterializedDays:
    """What became of the days that were asked for.

    Attributes:
        view: The view.
        version: Its version.
        standings: How each day stood, in order of day.
        check: What the blocking check says of all of them.
        rows_written: Rows committed; 0 if the check failed.
        rows_read: Rows of the datasets that values were computed from; 0 if every day was unchanged.
        inputs: Versions of the datasets' tables that were looked at.
        positions: What those versions cover of each source.
    """

    view: str
    version: str
    standings: tuple[Standing, ...]
    check: SnapshotCheck
    rows_written: int
    rows_read: int
    inputs: Mapping[str, int]
    positions: Mapping[str, Positions]

    @property
    def computed(self) -> tuple[date, ...]:
        """The days that were computed, in order."""
        return tuple(s.inputs.day for s in self.standings if s.due)

    @property
    def unchanged(self) -> tuple[date, ...]:
        """The days that were not computed again, in order."""
        return tuple(s.inputs.day for s in self.standings if not s.due)


def materialize_days(
    lake: Lake,
    view: FeatureView,
    documents: Documents,
    days: Sequence[date],
    run: Provenance,
    now: datetime,
    *,
    recompute: bool = False,
    progress: Progress | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> MaterializedDays:
    """Bring the snapshots of some days up to date in `features/<view>`.

    A day whose inputs have the digest that its rows in the table are on record for is left alone. The others are
    computed, checked, and committed together, or not at all. If the newest day is among the unchanged ones and its
    datasets have moved on, a commit without rows says which versions it still agrees with.

    Args:
        lake: Where the tables are.
        view: The view, as it is declared.
        documents: Say what it rests on.
        days: In any order.
        run: Run and code version that commits name.
        now: The present, UTC.
        recompute: Compute every day, whatever is on record.
        progress: Told of each part of the days that is computed.
        chunk_rows: About how many rows are computed, and held in memory, at a time.

    Raises:
        UnavailableError: A dataset's table does not exist yet.
        FeatureOverflowError: An exact result does not fit in 64 bits; the message names the feature.
        SchemaMismatchError: The table has other columns than the view.
    """
    asked = sorted(set(days))
    table = lake.table(names.table(*names.features(view.name)))
    reader = LakeReader(lake, documents.datasets)
    inputs = day_inputs(lake, view, documents, asked, reader)
    ledger = SnapshotLedger(lake)
    standings = _standings(table, inputs, ledger.days(view.name, asked), recompute=recompute)
    stamped = replace(
        run,
        inputs=reader.inputs,
        positions=reader.positions,
        extra={VIEW_VERSION: documents.version(view), LAST_DAY: asked[-1].isoformat()},
    )
    kept = {s.inputs.day: s.stored.rows for s in standings if not s.due}
    checker = SnapshotChecker(view, asked, kept, _day_before(table, asked[0]))
    due = [s.inputs for s in standings if s.due]
    if due:
        documents.register(Registry(lake), view, now, run.run_id)
        prepared = prepare_view(view, reader)
        days_due = [i.day for i in due]
        frames = iterate_snapshots(view, prepared, days_due, ProductionScores(lake), chunk_rows)
        frames = _told(frames, days_due, progress)
        written, read = write_snapshots(table, view, days_due, frames, checker, stamped), prepared.report.rows
    else:
        written, read = Written(checker.result(), 0, None), 0
        if written.check.passed:
            _confirm(table, stamped)
    if written.version is not None:
        reach("features.between_commits")
        stored = stored_days(table, [i.day for i in due], written.version)
        ledger.record([_computed(view, i, stored[i.day], written.version, now, run) for i in due], run)
    return MaterializedDays(
        view=view.name,
        version=documents.version(view),
        standings=tuple(standings),
        check=written.check,
        rows_written=written.rows,
        rows_read=read,
        inputs=reader.inputs,
        positions=reader.positions,
    )


def _standings(
    table: LakeTable, inputs: Sequence[DayInputs], records: Mapping[date, list[ComputedDay]], *, recompute: bool
) -> list[Standing]:
    stored = stored_days(table, [i.day for i in inputs])
    return [standing(i, stored[i.day], records[i.day], recompute=recompute) for i in inputs]


def _day_before(table: LakeTable, day: date) -> int | None:
    """Entities in the snapshot of the day before `day`; None if there is none."""
    before = day - timedelta(days=1)
    return stored_days(table, [before])[before].rows or None


def _told(frames: Iterator[pl.DataFrame], days: Sequence[date], progress: Progress | None) -> Iterator[pl.DataFrame]:
    for frame in frames:
        if progress is not None:
            newest = frame.get_column(DAY)[-1]
            progress(sum(day <= newest for day in days), len(days))
        yield frame


def _confirm(table: LakeTable, stamped: Provenance) -> None:
    """Say that the newest day agrees with newer versions of its inputs: what is online may rest on them then."""
    newest, present = newest_day(table), newest_snapshot(table)
    if newest is None or present is None or stamped.extra[LAST_DAY] < newest.isoformat():
        return
    if present.inputs != stamped.inputs:
        table.note(stamped)


def _computed(
    view: FeatureView, inputs: DayInputs, stored: StoredDay, version: int, now: datetime, run: Provenance
) -> ComputedDay:
    return ComputedDay(
        view=view.name,
        day=inputs.day,
        view_version=inputs.view_version,
        models=canonical_json(dict(inputs.models)),
        known_rows=inputs.known_rows,
        digest=inputs.digest,
        rows=stored.rows,
        files=stored.files,
        table_version=version,
        computed_at=now,
        run_id=run.run_id,
    )
