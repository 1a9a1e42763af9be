"""A database's table, as it is on a day, into the raw table: one transaction, one commit.

The rows come in chunks, and no more than one is held in memory; the commit is made when the last one has come. So half
a snapshot is never there: what was killed begins again with a new transaction, which sees the table as it is then.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pyarrow as pa

from mlinfra_assets import names
from mlinfra_assets.connectors.postgres import TableAtMoment, taken
from mlinfra_assets.contracts.source import DatabaseIngest, Source
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.fault_points import reach
from mlinfra_assets.ingest.raw import RAW_SCHEMA, Landed, application, raw_rows
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.schema import to_arrow
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError
from mlinfra_assets.positions import Positions
from mlinfra_assets.streams.records import RECORDS

DAY = "day"
SNAPSHOT_SCHEMA = pl.Schema({**RAW_SCHEMA, DAY: pl.Date()})
"""The columns of a database source's raw table, which is divided by day."""
OFFSETS = 1_000_000
"""Chunk c of snapshot n has the offset n * OFFSETS + c; after it the table states the last offset that n could have."""
PARTITION = 0


def snapshot_number(offset: int) -> int:
    """The snapshot that a chunk belongs to."""
    return offset // OFFSETS


def land_snapshot(
    lake: Lake,
    source: Source,
    day: date,
    provenance: Provenance,
    now: datetime,
    environment: Mapping[str, str] = os.environ,
) -> Landed:
    """Bring a table's snapshot of a day into raw, if raw does not hold it yet.

    Args:
        lake: Where the raw table is.
        source: What comes in; its ingest is a `DatabaseIngest`.
        day: Which day's (UTC). A day that raw does not hold has to be the present one.
        provenance: Run and code version that the commit names.
        now: Landing time, UTC.
        environment: Holds the database's address under the declared name.

    Raises:
        InvalidInputError: The day is not the present one, or the declaration does not fit the database.
        UnavailableError: The database cannot be reached. Nothing was kept.
    """
    assert isinstance(source.ingest, DatabaseIngest)  # noqa: S101 - the caller chose by this very type
    table = lake.table(names.table(*names.raw(source.name)))
    if not table.exists():
        empty = pl.DataFrame(schema=SNAPSHOT_SCHEMA)
        table.append(empty, provenance=_with(provenance, source, Positions()), partition_by=[DAY])
    landed = Landed()
    if day not in held_days(table):
        if day != now.astimezone(UTC).date():
            raise InvalidInputError(
                f"raw/{source.name} has no snapshot of {day}, and none can be taken any more: a snapshot shows the "
                f"table as it is now, {now.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
            )
        _take(table, source, source.ingest, day, provenance, now, environment, landed)
    done = table.progress(application(source.name, PARTITION))
    landed.positions = Positions(offsets={} if done is None else {PARTITION: done})
    landed.version = table.version()
    return landed


def held_days(table: LakeTable) -> set[date]:
    """The days that a database source's raw table has a snapshot of."""
    return set(table.partitions()[DAY].to_list())


def _take(
    table: LakeTable,
    source: Source,
    ingest: DatabaseIngest,
    day: date,
    provenance: Provenance,
    now: datetime,
    environment: Mapping[str, str],
    landed: Landed,
) -> None:
    app = application(source.name, PARTITION)
    before = table.progress(app)
    number = 1 if before is None else snapshot_number(before) + 1
    last = (number + 1) * OFFSETS - 1
    key = tuple(source.contract.field(name).physical_name for name in source.contract.primary_key)
    with TemporaryDirectory(prefix="mlinfra-snapshot-") as folder:
        # On disk first: the database is let go of before the lake is written, and fails before it or not at all.
        spool = Path(folder) / "chunks.arrow"
        with taken(ingest, key, environment) as moment:
            _write(spool, _frames(source, moment, day, number, provenance.run_id, now, landed))
        reach("raw.before_commit")
        with pa.OSFile(str(spool)) as file, pa.ipc.open_stream(file) as chunks:
            try:
                table.append(
                    chunks,
                    provenance=_with(provenance, source, Positions(offsets={PARTITION: last})),
                    advance={app: (before, last)},
                    stats_columns=["partition", "offset", "known_at", "landed_at"],
                )
            except ProgressConflictError:
                if day not in held_days(table):
                    raise
                landed.records = landed.payload_bytes = 0  # another run brought this very day in
                return
    landed.commits += 1
    reach("raw.after_commit")


def _write(spool: Path, frames: Iterator[pl.DataFrame]) -> None:
    schema = to_arrow(pl.DataFrame(schema=SNAPSHOT_SCHEMA)).schema
    with pa.OSFile(str(spool), "wb") as file, pa.ipc.new_stream(file, schema) as writer:
        for frame in frames:
            writer.write_table(to_arrow(frame).cast(schema))
            reach("snapshot.after_chunk")


def _frames(
    source: Source, moment: TableAtMoment, day: date, number: int, run_id: str, now: datetime, landed: Landed
) -> Iterator[pl.DataFrame]:
    """A frame of one row a chunk; an empty table has one chunk without rows."""
    headers = {**moment.headers(), "snapshot.day": day.isoformat().encode()}
    some = False
    for chunk, payload in enumerate(moment.chunks):
        some = True
        yield _frame(source, moment, day, number * OFFSETS + chunk, payload, headers, run_id, now, landed)
    if not some:
        yield _frame(source, moment, day, number * OFFSETS, b"", headers, run_id, now, landed)


def _frame(
    source: Source,
    moment: TableAtMoment,
    day: date,
    offset: int,
    payload: bytes,
    headers: Mapping[str, bytes],
    run_id: str,
    now: datetime,
    landed: Landed,
) -> pl.DataFrame:
    landed.records += 1
    landed.payload_bytes += len(payload)
    record = {
        "partition": PARTITION,
        "offset": offset,
        "event_time": moment.taken_at,
        "known_at": now,
        "key": moment.table.encode(),
        "headers": [{"name": name, "value": value} for name, value in headers.items()],
        "payload": payload,
    }
    rows = raw_rows(source, pl.DataFrame([record], schema=RECORDS), now, run_id)
    return rows.with_columns(pl.lit(day).alias(DAY))


def _with(provenance: Provenance, source: Source, covered: Positions) -> Provenance:
    return Provenance(
        run_id=provenance.run_id,
        code_version=provenance.code_version,
        inputs=provenance.inputs,
        positions={source.name: covered},
        extra=provenance.extra,
    )
