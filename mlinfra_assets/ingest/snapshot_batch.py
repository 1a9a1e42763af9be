"""A table's snapshot, which is one batch: judged row by row in parts, then as a whole, and published in one step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

import polars as pl

from mlinfra_assets.contracts.batch_rules import Batch, judged
from mlinfra_assets.contracts.quarantine_schema import QUARANTINE_SCHEMA
from mlinfra_assets.contracts.report import BatchReport
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.contracts.validate import process_part
from mlinfra_assets.contracts.violation import Violation
from mlinfra_assets.ingest.lateness import Lateness, LateRecords
from mlinfra_assets.ingest.publication import Publishing, publish_spooled
from mlinfra_assets.ingest.spool import Spool
from mlinfra_assets.ingest.waiting import Waiting, within
from mlinfra_assets.lake.table import LakeTable

READ_AT_ONCE = 16
"""So many chunks of a file are read together."""


class SnapshotBatch:
    """A judged snapshot whose rows are on disk while it is open, as a context manager.

    What is held in memory is a chunk of the snapshot, and of a field that a batch rule compares a part of its values.

    Args:
        raw: The raw table.
        source: The source and its contract.
        waiting: The snapshot's place in it.
        profile: What rows of earlier days were like; None: nothing is known of them.
        set_aside: Why all of it is quarantined; None: each row is judged by itself.
        max_payload_bytes: As `process` takes it.

    Attributes:
        report: What the contract says of it.
    """

    def __init__(
        self,
        raw: LakeTable,
        source: Source,
        waiting: Waiting,
        profile: pl.DataFrame | None,
        set_aside: Violation | None,
        max_payload_bytes: int,
    ) -> None:
        self._folder = TemporaryDirectory(prefix="mlinfra-snapshot-")
        folder = Path(self._folder.name)
        self._valid = Spool(folder / "valid.arrow", source.contract.polars_schema())
        self._quarantined = Spool(folder / "quarantined.arrow", QUARANTINE_SCHEMA)
        try:
            self.report = self._judged(raw, source, waiting, profile, set_aside, max_payload_bytes)
        except BaseException:
            self._folder.cleanup()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._folder.cleanup()

    def _judged(
        self,
        raw: LakeTable,
        source: Source,
        waiting: Waiting,
        profile: pl.DataFrame | None,
        set_aside: Violation | None,
        max_payload_bytes: int,
    ) -> BatchReport:
        report = BatchReport(0, 0, 0)
        for rows in _chunks(raw, waiting):
            part = process_part(source, rows, set_aside=set_aside, max_payload_bytes=max_payload_bytes)
            self._valid.add(part.valid)
            self._quarantined.add(part.quarantined)
            report += part.report
        self._valid.close()
        self._quarantined.close()
        valid = self._valid.rows
        whole = Batch(valid, valid, report.records, report.quarantined, report.invalid, profile)
        return report.with_checks(judged(source.contract, whole))

    def late(self, records: LateRecords) -> Lateness:
        """How late its rows come."""
        return sum((records.count(frame) for frame in self._valid.frames()), start=Lateness())

    def publish(self, publishing: Publishing) -> None:
        """Write the quarantine, then the valid rows, each in one commit."""
        publish_spooled(publishing, self._valid, self._quarantined)


def _chunks(raw: LakeTable, waiting: Waiting) -> Iterator[pl.DataFrame]:
    """The raw rows of a snapshot one by one, in the order of the table's files."""
    for frame in raw.batches(version=waiting.version, where=within(waiting.span), rows=READ_AT_ONCE):
        yield from frame.iter_slices(1)
