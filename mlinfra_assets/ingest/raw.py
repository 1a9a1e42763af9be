"""What arrived, into the raw table: every record once, in the order of its source.

The table itself says how far it has come: the Delta transaction of `<source>/<partition>` is the last offset that a
commit holds, so a run that is killed, repeated or raced by another resumes from there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from itertools import accumulate

import polars as pl
import pyarrow as pa

from mlinfra_assets import names
from mlinfra_assets.clock import to_micros
from mlinfra_assets.connectors.files import ArrivedFile, new_files
from mlinfra_assets.contracts.source import FilesIngest, Source, StreamIngest
from mlinfra_assets.fault_points import reach
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError
from mlinfra_assets.positions import Positions
from mlinfra_assets.streams.errors import StreamResetError
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.record import StreamRecord

TIMESTAMP = pl.Datetime("us", "UTC")
RAW_SCHEMA = pl.Schema(
    {
        "source": pl.String(),
        "partition": pl.Int32(),
        "offset": pl.Int64(),
        "event_time": TIMESTAMP,
        "known_at": TIMESTAMP,
        "landed_at": TIMESTAMP,
        "batch_id": pl.String(),
        "contract_version": pl.String(),
        "content_hash": pl.String(),
        "key": pl.Binary(),
        "headers": pl.List(pl.Struct({"name": pl.String(), "value": pl.Binary()})),
        "payload": pl.Binary(),
    }
)
BATCH_RECORDS = 200_000
BATCH_BYTES = 128 * 1024 * 1024


@dataclass
class Landed:
    """What one landing did.

    Attributes:
        records: Rows that this landing added.
        payload_bytes: Bytes of their payloads.
        commits: Delta commits made.
        positions: How far the table has come.
        version: The table's Delta version afterwards.
    """

    records: int = 0
    payload_bytes: int = 0
    commits: int = 0
    positions: Positions = field(default_factory=Positions)
    version: int = 0


def application(source: str, partition: int) -> str:
    """The Delta application id whose transaction version is the last offset of a partition."""
    return f"{source}/{partition}"


def offsets(table: LakeTable, source: str, partitions: Sequence[int]) -> dict[int, int]:
    """Last offset that the table holds, of those partitions that it holds anything of."""
    found = {p: table.progress(application(source, p)) for p in partitions} if table.exists() else {}
    return {p: offset for p, offset in found.items() if offset is not None}


def land_stream(
    lake: Lake,
    log: StreamLog,
    source: Source,
    provenance: Provenance,
    now: datetime,
    *,
    partitions: Collection[int] | None = None,
    max_records: int = BATCH_RECORDS,
    max_commits: int | None = None,
) -> Landed:
    """Bring a stream's records up to its present end into raw, a bounded batch a commit.

    Args:
        lake: Where the raw table is.
        log: The stream.
        source: What comes in; its ingest is a `StreamIngest`.
        provenance: Run and code version that the commits name.
        now: Landing time of the records, UTC.
        partitions: The partitions to read; None: all.
        max_records: Most records of a commit.
        max_commits: So many commits, then it is left for the next time; None: up to the end.
    """
    assert isinstance(source.ingest, StreamIngest)  # noqa: S101 - the caller chose by this very type
    topic = source.ingest.topic
    table = lake.table(names.table(*names.raw(source.name)))
    end = log.end(topic)
    landed = Landed()
    _ensure(table, source, provenance)
    done = offsets(table, source.name, sorted(end) or [0])
    refuse_reset(source.name, topic, done, end)
    end = {p: last for p, last in end.items() if partitions is None or p in partitions}
    while any(done.get(p, -1) < last for p, last in end.items()):
        progressed = False
        for delivered in log.read(topic, after=done, upto=end, max_records=max_records, max_bytes=BATCH_BYTES):
            reach("raw.after_read")
            batch = _unseen(delivered, done)
            if not batch:
                continue
            frame = _frame(source, batch, now, provenance.run_id)
            last = {r.partition: r.offset for r in batch}
            try:
                _append(table, source, frame, provenance, done, last)
            except ProgressConflictError:
                break  # another writer was faster: go on from what the table says now
            done = {**done, **last}
            progressed = True
            landed.records += frame.height
            landed.payload_bytes += int(frame["payload"].bin.size().sum())
            landed.commits += 1
            if landed.commits == max_commits:
                return _finish(landed, table, done)
        reread = offsets(table, source.name, sorted(end))
        if reread == done and not progressed:
            break  # the rest of the offsets up to the end hold no records
        done = reread
    return _finish(landed, table, done)


def trim_stream(lake: Lake, log: StreamLog, source: Source, older_than: datetime) -> int:
    """Remove from a stream what raw holds and what was appended before `older_than` (UTC); returns how many records."""
    assert isinstance(source.ingest, StreamIngest)  # noqa: S101 - the caller chose by this very type
    table = lake.table(names.table(*names.raw(source.name)))
    held = table.read(columns=["partition", "offset"], where=[("known_at", "<", older_than)])
    upto = held.group_by("partition").agg(pl.col("offset").max()).rows()
    first = log.first(source.ingest.topic)
    due = {p: offset for p, offset in upto if p in first and first[p] <= offset}
    return log.trim(source.ingest.topic, due) if due else 0


def refuse_reset(source: str, topic: str, held: Mapping[int, int], end: Mapping[int, int]) -> None:
    """Stop if a stream ends before what raw holds of it: it was emptied or replaced, and offsets may be used again.

    Raises:
        StreamResetError: A partition ends before the table's position.
    """
    for partition, offset in held.items():
        if end.get(partition, -1) < offset:
            raise StreamResetError(
                f"raw/{source} holds partition {partition} up to offset {offset}, but the stream {topic} ends at "
                f"{end.get(partition, 'nothing')}: it was emptied or replaced, and new records could be taken for old "
                "ones. Nothing was read. Restore Redis's data (the append-only file), or send what is missing again "
                "under later times"
            )


def land_files(lake: Lake, folder: str, source: Source, provenance: Provenance, now: datetime) -> Landed:
    """Bring the files of a landing folder that raw does not hold yet into raw, a file a commit.

    A file is known by its name and the hash of its bytes: the same file again is a repeat delivery and is left alone;
    the same name with other bytes is a new batch.
    """
    assert isinstance(source.ingest, FilesIngest)  # noqa: S101 - the caller chose by this very type
    table = lake.table(names.table(*names.raw(source.name)))
    landed = Landed()
    _ensure(table, source, provenance)
    done = offsets(table, source.name, [0])
    while True:
        files = new_files(folder, source.ingest, held_files(table))
        if not files:
            break
        number = done.get(0, 0) + 1
        frame = _file_frame(source, files[0], number, now, provenance.run_id)
        try:
            _append(table, source, frame, provenance, done, {0: number})
        except ProgressConflictError:
            done = offsets(table, source.name, [0])
            continue
        done = {0: number}
        landed.records += 1
        landed.payload_bytes += len(files[0].content)
        landed.commits += 1
    return _finish(landed, table, done)


def held_files(table: LakeTable) -> set[tuple[str, str]]:
    """Name and content hash of every file that a raw table holds."""
    if not table.exists():
        return set()
    frame = table.read(columns=["key", "content_hash"])
    return {(bytes(key).decode(), digest) for key, digest in frame.iter_rows()}


def content_hash(payload: bytes) -> str:
    """Hash that tells two payloads apart: 128 bits of BLAKE2b, in hexadecimal."""
    return blake2b(payload, digest_size=16).hexdigest()


def _append(
    table: LakeTable,
    source: Source,
    frame: pl.DataFrame,
    provenance: Provenance,
    before: Mapping[int, int],
    after: Mapping[int, int],
) -> None:
    reach("raw.before_commit")
    covered = Positions(offsets={**before, **after})
    table.append(
        frame,
        provenance=_with_positions(provenance, source.name, covered),
        advance={application(source.name, p): (before.get(p), last) for p, last in after.items()},
        stats_columns=["partition", "offset", "known_at", "landed_at"],
    )
    reach("raw.after_commit")


def _ensure(table: LakeTable, source: Source, provenance: Provenance) -> None:
    if not table.exists():
        empty = pl.DataFrame(schema=RAW_SCHEMA)
        table.append(empty, provenance=_with_positions(provenance, source.name, Positions()))


def _with_positions(provenance: Provenance, source: str, covered: Positions) -> Provenance:
    return Provenance(
        run_id=provenance.run_id,
        code_version=provenance.code_version,
        inputs=provenance.inputs,
        positions={source: covered},
        extra=provenance.extra,
    )


def _finish(landed: Landed, table: LakeTable, done: Mapping[int, int]) -> Landed:
    landed.positions = Positions(offsets=done)
    landed.version = table.version()
    return landed


def _unseen(batch: Sequence[StreamRecord], done: Mapping[int, int]) -> list[StreamRecord]:
    """The records past `done`, in order: a position that is delivered again is the same row, and counts once."""
    come, found = dict(done), []
    for record in batch:
        if record.offset > come.get(record.partition, -1):
            come[record.partition] = record.offset
            found.append(record)
    return found


def _frame(source: Source, batch: Sequence[StreamRecord], now: datetime, run_id: str) -> pl.DataFrame:
    count = len(batch)
    return pl.DataFrame(
        {
            "source": [source.name] * count,
            "partition": [r.partition for r in batch],
            "offset": [r.offset for r in batch],
            "event_time": pl.Series([None] * count, dtype=TIMESTAMP),
            "known_at": pl.Series([r.known_at for r in batch], dtype=pl.Int64).cast(TIMESTAMP),
            "landed_at": pl.Series([to_micros(now)] * count, dtype=pl.Int64).cast(TIMESTAMP),
            "batch_id": [run_id] * count,
            "contract_version": [source.contract.fingerprint] * count,
            "content_hash": [content_hash(r.value) for r in batch],
            "key": [r.key for r in batch],
            "headers": _headers(batch),
            "payload": [r.value for r in batch],
        },
        schema=RAW_SCHEMA,
    )


def _headers(batch: Sequence[StreamRecord]) -> pl.Series:
    """The headers column, laid out as Arrow does: one flat list, and where each record's part of it begins."""
    flat = [header for record in batch for header in record.headers]
    starts = list(accumulate((len(record.headers) for record in batch), initial=0))
    pairs = pa.StructArray.from_arrays(
        [pa.array([n for n, _ in flat], pa.large_string()), pa.array([v for _, v in flat], pa.large_binary())],
        names=["name", "value"],
    )
    column = pa.LargeListArray.from_arrays(pa.array(starts, pa.int64()), pairs)
    return pl.Series("headers", column)


def _file_frame(source: Source, file: ArrivedFile, number: int, now: datetime, run_id: str) -> pl.DataFrame:
    record = StreamRecord(
        partition=0,
        offset=number,
        known_at=to_micros(now),
        key=file.name.encode(),
        value=file.content,
        headers=(),
    )
    return _frame(source, [record], now, run_id)
