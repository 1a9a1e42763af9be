"""A batch of records as a contract judged it, in memory."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from mlinfra_assets.contracts.report import BatchReport, Processed
from mlinfra_assets.ingest.lateness import Lateness, LateRecords
from mlinfra_assets.ingest.publication import Publishing, publish


class JudgedBatch(Protocol):
    """A batch whose records are there while it is open, as a context manager."""

    @property
    def report(self) -> BatchReport:
        """What the contract says of it."""
        ...

    def late(self, records: LateRecords) -> Lateness:
        """How late its valid records come."""
        ...

    def publish(self, publishing: Publishing) -> None:
        """Write the quarantine, then the valid rows."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class RecordBatch:
    """A batch in memory.

    Attributes:
        processed: What the contract made of it.
    """

    def __init__(self, processed: Processed) -> None:
        self.processed = processed

    @property
    def report(self) -> BatchReport:
        """What the contract says of it."""
        return self.processed.report

    def late(self, records: LateRecords) -> Lateness:
        """How late its valid records come."""
        return records.count(self.processed.valid)

    def publish(self, publishing: Publishing) -> None:
        """Write the quarantine, then the valid rows."""
        publish(publishing, self.processed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass
