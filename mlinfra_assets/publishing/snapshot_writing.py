"""Snapshots into the lake as they are computed: checked before they count, committed together or not at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice

import polars as pl
import pyarrow as pa

from mlinfra_assets.feature_store.snapshot import DAY, empty_snapshot
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.schema import to_arrow
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.publishing.day_standing import ranges
from mlinfra_assets.publishing.snapshot_check import RefusedSnapshotsError, SnapshotCheck, SnapshotChecker


@dataclass(frozen=True)
class Written:
    """What became of computed snapshots.

    Attributes:
        check: What the check says; of the days up to the first problem if there is one.
        rows: Rows committed.
        version: The version that holds them; None if the check failed: nothing was committed.
    """

    check: SnapshotCheck
    rows: int
    version: int | None


def write_snapshots(
    table: LakeTable,
    view: FeatureView,
    days: Sequence[date],
    frames: Iterator[pl.DataFrame],
    checker: SnapshotChecker,
    provenance: Provenance,
) -> Written:
    """Put snapshots in place of those of the same days.

    Args:
        table: The view's snapshots.
        view: The view.
        days: The days that were computed, in order; one without rows loses those that it has.
        frames: Their snapshots, in order, in frames of whole days. Two of them are in memory at a time.
        checker: Has counted the days that were not computed.
        provenance: What the commit says of its origin.

    Raises:
        SchemaMismatchError: The table has other columns than the view.
        WriteConflictError: Another writer changed the same days.
    """
    head = list(islice(frames, 2))
    for frame in head:
        check = checker.add(frame)
        if not check.passed:
            return Written(check, 0, None)
    if len(head) == 2:
        return _stream(table, view, days, _Checked(head, frames, checker), provenance)
    check = checker.result()
    if not check.passed:
        return Written(check, 0, None)
    data = to_arrow(head[0] if head else empty_snapshot(view))
    commit = table.replace(data, provenance=provenance, where=_where(days), partition_by=(DAY,))
    return Written(check, commit.rows, commit.version)


class _Checked:
    """Frames on their way to the writer, which stops before it commits if one of them does not pass."""

    def __init__(self, head: Sequence[pl.DataFrame], frames: Iterator[pl.DataFrame], checker: SnapshotChecker) -> None:
        self._head = list(head)
        self._frames = frames
        self._checker = checker
        self.check: SnapshotCheck | None = None
        self.error: Exception | None = None

    def batches(self) -> Iterator[pa.RecordBatch]:
        # The writer knows of an error no more than its text.
        try:
            while self._head:
                yield from to_arrow(self._head.pop(0)).to_batches()
            for frame in self._frames:
                self._refuse(self._checker.add(frame))
                yield from to_arrow(frame).to_batches()
            self._refuse(self._checker.result())
        except Exception as error:
            self.error = error
            raise

    def _refuse(self, check: SnapshotCheck) -> None:
        self.check = check
        if not check.passed:
            raise RefusedSnapshotsError(check.message)


def _stream(
    table: LakeTable, view: FeatureView, days: Sequence[date], checked: _Checked, provenance: Provenance
) -> Written:
    schema = to_arrow(empty_snapshot(view)).schema
    reader = pa.RecordBatchReader.from_batches(schema, checked.batches())
    try:
        commit = table.replace(reader, provenance=provenance, where=_where(days), partition_by=(DAY,))
    except Exception:
        if isinstance(checked.error, RefusedSnapshotsError) and checked.check is not None:
            return Written(checked.check, 0, None)
        if checked.error is not None:
            raise checked.error from None
        raise
    assert checked.check is not None  # noqa: S101 - the last thing that a stream says
    return Written(checked.check, commit.rows, commit.version)


def _where(days: Sequence[date]) -> str:
    parts = [f"(day >= '{first.isoformat()}' AND day <= '{last.isoformat()}')" for first, last in ranges(days)]
    return " OR ".join(parts)
