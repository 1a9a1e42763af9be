"""What waits in raw, cut into batches that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from mlinfra_assets.breakers.event import Span
from mlinfra_assets.contracts.source import DatabaseIngest, FilesIngest, Source, StreamIngest
from mlinfra_assets.ingest.source_tables import SourceTables
from mlinfra_assets.ingest.table_snapshots import OFFSETS, snapshot_number
from mlinfra_assets.lake.predicate import Condition
from mlinfra_assets.lake.table import LakeTable

BATCH_RECORDS = 250_000
BATCH_BYTES = 128 * 1024 * 1024
BATCH_FILES = 1


def waiting(tables: SourceTables, source: Source, known: Sequence[Span]) -> Iterator[tuple[Span, pl.DataFrame]]:
    """Raw rows that are not processed yet, in order, with the positions of each batch; known ones stay as they were.

    What is read grows with what waits, not with the table.
    """
    if not tables.raw.exists():
        return
    version = tables.raw.version()
    partitions = _partitions(tables.raw, version)
    done = tables.done(source.name, partitions)
    for partition in partitions:
        where = [("partition", "==", partition), ("offset", ">", done.get(partition, -1))]
        pending = tables.raw.read(columns=["offset"], version=version, where=where)["offset"].sort()
        by_bytes = isinstance(source.ingest, StreamIngest) and len(pending) > 1
        sizes = _sizes(tables, where, version) if by_bytes else None
        for span in _spans(source, pending, sizes, [k for k in known if k.partition == partition], partition):
            window = [("partition", "==", partition), ("offset", ">=", span.first), ("offset", "<=", span.last)]
            yield span, tables.raw.read(version=version, where=window).sort("offset")


def _sizes(tables: SourceTables, where: Sequence[Condition], version: int) -> pl.Series:
    """Bytes of the payloads of raw rows up to and with each, in the order of their offsets."""
    rows = tables.raw.scan(columns=["offset", "payload"], version=version, where=where)
    found = rows.select("offset", pl.col("payload").bin.size().fill_null(0)).collect(engine="streaming")
    return found.sort("offset")["payload"].cast(pl.Int64).cum_sum()


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


def _partitions(raw: LakeTable, version: int) -> Sequence[int]:
    """Numbers of the partitions that raw may hold rows of."""
    bounds = raw.bounds("partition", version)
    if bounds is not None:
        return range(int(bounds[0]), int(bounds[1]) + 1)
    return raw.read(columns=["partition"], version=version)["partition"].unique().sort().to_list()
