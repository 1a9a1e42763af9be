"""A view's snapshots of some days into the lake: what is unchanged is not computed again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

import numpy as np

from mlinfra_assets import names
from mlinfra_assets.feature_store.engine.related import prepare_view
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.engine.served import served_counts
from mlinfra_assets.feature_store.snapshot import end_of, rows_at_once, snapshot
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
from mlinfra_assets.publishing.snapshot_check import SnapshotCheck, check_snapshots
from mlinfra_assets.publishing.snapshot_ledger import ComputedDay, SnapshotLedger, stored_days
from mlinfra_assets.publishing.snapshot_writing import SnapshotWriter
from mlinfra_assets.publishing.view_breaker import ViewBreaker
from mlinfra_assets.registry.registry import Registry

Progress = Callable[[int, int], None]
"""Told how many of the days to be computed are done, and how many there are."""


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
        outdated: Other days of the table, whose values are those of another version of the view.
    """

    view: str
    version: str
    standings: tuple[Standing, ...]
    check: SnapshotCheck
    rows_written: int
    rows_read: int
    inputs: Mapping[str, int]
    positions: Mapping[str, Positions]
    outdated: tuple[date, ...] = ()

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
    chunk_rows: int | None = None,
) -> MaterializedDays:
    """Bring the snapshots of some days up to date in `features/<view>`.

    A day whose inputs have the digest that its rows in the table are on record for is left alone. All days are checked
    before anything is written; then the others are computed and committed, a part of them at a time: a backfill that
    was interrupted goes on where it was. If the newest day is unchanged although its datasets have moved on, a commit
    without rows says which versions it agrees with.

    Args:
        lake: Where the tables are.
        view: The view, as it is declared.
        documents: Say what it rests on.
        days: In any order.
        run: Run and code version that commits name.
        now: The present, UTC.
        recompute: Compute every day, whatever is on record.
        progress: Told of each part of the days once it is committed.
        chunk_rows: About how many rows are computed, held in memory and committed at a time. None: as the view is wide.

    Raises:
        FrozenError: A breaker of what the view rests on is open, or its own, and these days do not change that.
        UnavailableError: A dataset's table does not exist yet.
        FeatureOverflowError: An exact result does not fit in 64 bits; the message names the feature.
        SchemaMismatchError: A feature has another type than in the table, and some of the table's days were not asked
            for.
    """
    breaker = ViewBreaker(lake, view, run, now)
    breaker.refuse()
    asked = sorted(set(days))
    table = lake.table(names.table(*names.features(view.name)))
    reader = LakeReader(lake, documents.datasets)
    inputs = day_inputs(lake, view, documents, asked, reader)
    ledger = SnapshotLedger(lake)
    standings = _standings(table, inputs, ledger.days(view.name, asked), recompute=recompute)
    due = {s.inputs.day: s.inputs for s in standings if s.due}
    prepared = prepare_view(view, reader) if due else None
    sizes = _sizes(view, standings, prepared)
    keys = None if prepared is None else prepared.keys
    check = check_snapshots(view.name, sizes, _day_before(table, asked[0]), keys)
    breaker.judge(check, asked, computed=bool(due))
    stamped = replace(run, inputs=reader.inputs, positions=reader.positions)
    writer = SnapshotWriter(table, ledger, view, documents.version(view), stamped, now)
    if check.passed and prepared is not None:
        documents.register(Registry(lake), view, now, run.run_id)
        writer.open(asked)
        scores, done = ProductionScores(lake), 0
        for part in parts(list(due), sizes, chunk_rows or rows_at_once(view)):
            writer.write([due[day] for day in part], snapshot(view, prepared, part, scores))
            done += len(part)
            if progress is not None:
                progress(done, len(due))
    if check.passed:
        writer.confirm(asked[-1])
    return MaterializedDays(
        view=view.name,
        version=documents.version(view),
        standings=tuple(standings),
        check=check,
        rows_written=writer.rows,
        rows_read=0 if prepared is None else prepared.report.rows,
        inputs=reader.inputs,
        positions=reader.positions,
        outdated=tuple(ledger.outdated(view.name, table, documents.version(view))),
    )


def parts(days: Sequence[date], sizes: Mapping[date, int], rows: int) -> Iterator[list[date]]:
    """Days in order, cut into parts of at least one day and at most about so many rows."""
    part: list[date] = []
    total = 0
    for day in days:
        if part and total + sizes[day] > rows:
            yield part
            part, total = [], 0
        part.append(day)
        total += sizes[day]
    if part:
        yield part


def _sizes(view: FeatureView, standings: Sequence[Standing], prepared: PreparedRows | None) -> dict[date, int]:
    """Entities on each day: those in the table of a day that is left alone, those to be served of any other."""
    sizes = {s.inputs.day: s.stored.rows for s in standings}
    if prepared is not None:
        due = [s.inputs.day for s in standings if s.due]
        counts = served_counts(prepared, np.array([end_of(day) for day in due], np.int64), view.ttl)
        sizes.update(zip(due, counts.tolist(), strict=True))
    return sizes


def _standings(
    table: LakeTable, inputs: Sequence[DayInputs], records: Mapping[date, list[ComputedDay]], *, recompute: bool
) -> list[Standing]:
    stored = stored_days(table, [i.day for i in inputs])
    return [standing(i, stored[i.day], records[i.day], recompute=recompute) for i in inputs]


def _day_before(table: LakeTable, day: date) -> int | None:
    """Entities in the snapshot of the day before `day`; None if there is none."""
    before = day - timedelta(days=1)
    return stored_days(table, [before])[before].rows or None
