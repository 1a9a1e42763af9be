"""What waits in raw, cut into batches that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from mlinfra_assets.breakers.event import Span
from mlinfra_assets.contracts.source import DatabaseIngest, FilesIngest, Source, StreamIngest
from mlinfra_assets.ingest.ahead import ahead
from mlinfra_assets.ingest.raw import CommittedRows, offsets
from mlinfra_assets.ingest.source_tables import SourceTables
from mlinfra_assets.ingest.table_snapshots import OFFSETS, snapshot_number
from mlinfra_assets.lake.predicate import Condition
from mlinfra_assets.lake.table import LakeTable

BATCH_RECORDS = 250_000
BATCH_BYTES = 128 * 1024 * 1024
BATCH_FILES = 1
PLACES = ["partition", "offset", "known_at"]
_BYTES = pl.col("payload").bin.size().fill_null(0)


@dataclass(frozen=True)
class Waiting:
    """Raw rows that are not processed yet.

    Attributes:
        span: Their positions.
        rows: They, in the order of their offsets; of a table's snapshot, which may not fit into memory, only where and
            when each chunk came in.
        version: The raw table's version that holds them.
    """

    span: Span
    rows: pl.DataFrame
    version: int


def waiting(
    tables: SourceTables, source: Source, known: Sequence[Span], committed: CommittedRows | None = None
) -> Iterator[Waiting]:
    """Raw rows that are not processed yet, in order, in batches; known ones stay as they were.

    What is read grows with what waits, not with the table, and each batch is read while the one before it is used.

    Args:
        tables: The source's tables.
        source: Whose rows.
        known: Batches that are known by their positions.
        committed: What a commit added to raw. If nothing else waits, raw itself is not read.
    """
    if not tables.raw.exists():
        return
    if committed is not None and _is_all(committed, tables, source):
        rows: _Raw = _Committed(committed)
    else:
        rows = _Stored(tables.raw, tables.raw.version())
    yield from ahead(_batches(rows, tables, source, known))


def _is_all(committed: CommittedRows, tables: SourceTables, source: Source) -> bool:
    """Whether raw holds these rows, which a restore may have taken back, and no others that wait at their version."""
    held = offsets(tables.raw, source.name, sorted(committed.after))
    done = tables.done(source.name, sorted(committed.before))
    return all(held.get(p, -1) >= last for p, last in committed.after.items()) and all(
        done.get(p, -1) >= last for p, last in committed.before.items()
    )


def _batches(rows: _Raw, tables: SourceTables, source: Source, known: Sequence[Span]) -> Iterator[Waiting]:
    partitions = rows.partitions()
    done = tables.done(source.name, partitions)
    columns = PLACES if isinstance(source.ingest, DatabaseIngest) else None
    for partition in partitions:
        after = done.get(partition, -1)
        pending = rows.offsets(partition, after)
        by_bytes = isinstance(source.ingest, StreamIngest) and len(pending) > 1
        sizes = rows.sizes(partition, after) if by_bytes else None
        for span in _spans(source, pending, sizes, [k for k in known if k.partition == partition], partition):
            yield Waiting(span, rows.rows(span, columns), rows.version)


class _Raw(Protocol):
    """Rows of the raw table as of a version."""

    version: int

    def partitions(self) -> Sequence[int]:
        """Numbers of the partitions that it may hold rows of."""
        ...

    def offsets(self, partition: int, after: int) -> pl.Series:
        """Offsets of a partition's rows past `after`, rising."""
        ...

    def sizes(self, partition: int, after: int) -> pl.Series:
        """Bytes of the payloads of these rows up to and with each."""
        ...

    def rows(self, span: Span, columns: Sequence[str] | None) -> pl.DataFrame:
        """The rows of a span, in the order of their offsets, with all columns or some."""
        ...


class _Stored:
    """Read from the table."""

    def __init__(self, table: LakeTable, version: int) -> None:
        self._table = table
        self.version = version

    def partitions(self) -> Sequence[int]:
        bounds = self._table.bounds("partition", self.version)
        if bounds is not None:
            return range(int(bounds[0]), int(bounds[1]) + 1)
        return self._table.read(columns=["partition"], version=self.version)["partition"].unique().sort().to_list()

    def offsets(self, partition: int, after: int) -> pl.Series:
        return self._table.read(["offset"], self.version, _past(partition, after))["offset"].sort()

    def sizes(self, partition: int, after: int) -> pl.Series:
        rows = self._table.scan(["offset", "payload"], self.version, _past(partition, after))
        return _summed(rows.select("offset", _BYTES).collect(engine="streaming").sort("offset"))

    def rows(self, span: Span, columns: Sequence[str] | None) -> pl.DataFrame:
        return self._table.read(columns, self.version, within(span)).sort("offset")


class _Committed:
    """At hand, since this process added them: in the order of their offsets within each partition."""

    def __init__(self, committed: CommittedRows) -> None:
        self._rows = committed.rows
        self.version = committed.version

    def partitions(self) -> Sequence[int]:
        return self._rows["partition"].unique().sort().to_list()

    def offsets(self, partition: int, after: int) -> pl.Series:
        return self._past(partition, after)["offset"]

    def sizes(self, partition: int, after: int) -> pl.Series:
        return _summed(self._past(partition, after).select(_BYTES))

    def rows(self, span: Span, columns: Sequence[str] | None) -> pl.DataFrame:
        return self._rows.select(columns or pl.all()).filter(
            pl.col("partition") == span.partition, pl.col("offset").is_between(span.first, span.last)
        )

    def _past(self, partition: int, after: int) -> pl.DataFrame:
        rows = self._rows.lazy().select("partition", "offset", "payload")
        return rows.filter(pl.col("partition") == partition, pl.col("offset") > after).collect()


def within(span: Span) -> list[Condition]:
    """The rows of a span."""
    return [("partition", "==", span.partition), ("offset", ">=", span.first), ("offset", "<=", span.last)]


def _past(partition: int, after: int) -> list[Condition]:
    return [("partition", "==", partition), ("offset", ">", after)]


def _summed(payloads: pl.DataFrame) -> pl.Series:
    return payloads["payload"].cast(pl.Int64).cum_sum()


def _spans(
    source: Source, pending: pl.Series, sizes: pl.Series | None, known: Sequence[Span], partition: int
) -> Iterator[Span]:
    """Offsets that are pending, in order, cut into batches: each known one by itself, the others by records and bytes.

    A snapshot of a table is one batch, whatever its size. `sizes`: bytes up to and with each record; None: they do not
    count.
    """
    start = 0
    while start < len(pending):
        offset = pending[start]
        within = next((k for k in known if k.first <= offset <= k.last), None)
        if within is not None:
            yield within
            start = int(pending.search_sorted(within.last, side="right"))
            continue
        ahead = [k.first for k in known if k.first > offset]
        limit = int(pending.search_sorted(min(ahead), side="left")) if ahead else len(pending)
        stop = min(start + _size(source, pending, start), limit)
        if sizes is not None:
            before = sizes[start - 1] if start else 0
            stop = min(stop, max(start + 1, int(sizes.search_sorted(before + BATCH_BYTES, side="right"))))
        yield Span(partition, offset, pending[stop - 1])
        start = stop


def _size(source: Source, pending: pl.Series, start: int) -> int:
    """How many of the pending offsets a batch from `start` on may take up."""
    if isinstance(source.ingest, DatabaseIngest):
        following = (snapshot_number(pending[start]) + 1) * OFFSETS
        return int(pending.search_sorted(following, side="left")) - start
    return BATCH_FILES if isinstance(source.ingest, FilesIngest) else BATCH_RECORDS
