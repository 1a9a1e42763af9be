"""How rows get into a table: through the handle that the table's progress was checked on, or not at all.

Delta's transaction versions do not prevent a repeat by themselves. What does: read the progress from an open handle,
and commit through that very handle, so that any writer who was faster makes the commit fail; then open again and
compare again.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Schema, Transaction, WriterProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake import schema as schemas
from mlinfra_assets.lake.errors import ProgressConflictError, SchemaMismatchError, WriteConflictError, explained
from mlinfra_assets.lake.opened import OpenedTable
from mlinfra_assets.lake.provenance import Provenance

STATS = "delta.dataSkippingStatsColumns"
ATTEMPTS = 100
PROPERTIES = {
    # Every commit stays readable: its provenance is part of the audit trail.
    "delta.enableExpiredLogCleanup": "false",
}
WRITER = WriterProperties(compression="ZSTD", compression_level=1)


@dataclass(frozen=True)
class Append:
    """Rows to add.

    Attributes:
        data: The rows; their schema is canonical but for the layout of strings, bytes and lists.
        provenance: What the commit says of its origin.
        advance: By application id: the progress that the table must state, and what it states afterwards.
        partition_by: Partition columns of a table that does not exist yet.
        stats_columns: Columns whose minimum and maximum the log keeps; None leaves that as it is.
        merge: Whether columns may come and go (new ones are added, absent ones are null).
    """

    data: pa.Table
    provenance: Provenance
    advance: Mapping[str, tuple[int | None, int]]
    partition_by: Sequence[str]
    stats_columns: Sequence[str] | None
    merge: bool


def append(opened: OpenedTable, job: Append) -> int:
    """Add the rows once; returns the version that holds them.

    An append without rows that advances nothing makes the table exist, and writes no commit to one that does.

    Raises:
        SchemaMismatchError: The columns are not those of the table.
        ProgressConflictError: The table states another progress than `advance` expects.
        WriteConflictError: Other writers were faster again and again.
    """
    data_schema = schemas.canonical(job.data.schema)
    schemas.writable(opened.name, data_schema)
    _check_advance(job.advance)
    empty = job.data.num_rows == 0 and not job.advance
    if not opened.exists():
        create(opened, data_schema, job.partition_by, job.stats_columns, job.provenance if empty else None)

    def attempt() -> int:
        handle = opened.latest()
        before = handle.version()
        _check_partitions(opened.name, handle, job.partition_by)
        existing = schemas.canonical(pa.schema(handle.schema().to_arrow()))
        added = schemas.matching(opened.name, data_schema, existing, merge=job.merge)
        if empty:
            return before
        # Before the progress is checked: this commit brings the handle up to date with what others wrote.
        _keep_stats(handle, job.stats_columns)
        _check_progress(opened.name, handle, job.advance)
        write_deltalake(
            handle,
            schemas.arranged(job.data, existing),
            mode="append",
            schema_mode="merge" if added else None,
            writer_properties=WRITER,
            commit_properties=_commit_properties(job.provenance, job.advance),
        )
        opened.confirm(before, handle.version())
        return handle.version()

    return _until_committed(opened, attempt)


@dataclass(frozen=True)
class Replace:
    """Rows that take the place of all rows, or of those for which `where` holds.

    Attributes:
        data: The rows. A reader is consumed as it is written, for what does not fit into memory.
        provenance: What the commit says of its origin.
        where: SQL condition on columns of the table; None replaces everything.
        partition_by: Partition columns of a table that does not exist yet, or whose schema changes.
        schema_change: Whether the table takes over the data's columns.
    """

    data: pa.Table | pa.RecordBatchReader
    provenance: Provenance
    where: str | None
    partition_by: Sequence[str]
    schema_change: bool


def replace(opened: OpenedTable, job: Replace) -> tuple[int, int]:
    """Put the rows in place of others in one commit; returns its version and the number of rows written.

    Raises:
        SchemaMismatchError: The columns are not those of the table, and `schema_change` is not set.
        InvalidInputError: `where` together with a schema change, on a float, or not true of one of the rows.
        WriteConflictError: Another writer changed the same rows; a reader cannot be written a second time.
    """
    data_schema = schemas.canonical(job.data.schema)
    schemas.writable(opened.name, data_schema)
    if job.where is not None and job.schema_change:
        raise InvalidInputError(f"table {opened.name}: a part of the rows cannot change the columns of all")
    if not opened.exists():
        create(opened, data_schema, job.partition_by, None, None)
    _refuse_inexact(opened.name, data_schema, job.where)
    stream = isinstance(job.data, pa.RecordBatchReader)
    counted = _Counted()

    def attempt() -> int:
        handle = opened.latest()
        before = handle.version()
        if not job.schema_change:
            _check_partitions(opened.name, handle, job.partition_by)
            existing = schemas.canonical(pa.schema(handle.schema().to_arrow()))
            schemas.matching(opened.name, data_schema, existing, merge=False)
        else:
            existing = data_schema
        with _rows_outside(opened.name, job.where):
            write_deltalake(
                handle,
                counted.batches(job.data, existing),
                mode="overwrite",
                predicate=job.where,
                schema_mode="overwrite" if job.schema_change else None,
                partition_by=list(job.partition_by) if job.schema_change and job.partition_by else None,
                writer_properties=WRITER,
                commit_properties=_commit_properties(job.provenance, {}),
            )
        opened.confirm(before, handle.version())
        return handle.version()

    return _until_committed(opened, attempt, attempts=1 if stream else ATTEMPTS), counted.rows


def create(
    opened: OpenedTable,
    data_schema: pa.Schema,
    partition_by: Sequence[str],
    stats_columns: Sequence[str] | None,
    provenance: Provenance | None,
) -> None:
    """Make the table exist, empty; leaves one that another writer made in the meantime as it is."""
    missing = [c for c in (*partition_by, *(stats_columns or ())) if c not in data_schema.names]
    if missing:
        raise SchemaMismatchError(f"table {opened.name} would have no column {', '.join(missing)}")
    configuration = dict(PROPERTIES)
    if stats_columns is not None:
        configuration[STATS] = ",".join(stats_columns)
    with explained(opened.name, opened.uri):
        try:
            handle = DeltaTable.create(
                opened.uri,
                Schema.from_arrow(data_schema),
                mode="ignore",
                partition_by=list(partition_by) or None,
                configuration=configuration,
                storage_options=opened.options or None,
                commit_properties=_commit_properties(provenance, {}),
            )
        except CommitFailedError:
            opened.drop()  # another writer was faster with the creation
            return
    opened.confirm(-1, handle.version())


class _Counted:
    """Counts the rows that a stream hands on."""

    def __init__(self) -> None:
        self.rows = 0

    def batches(self, data: pa.Table | pa.RecordBatchReader, order: pa.Schema) -> pa.Table | pa.RecordBatchReader:
        self.rows = 0
        if isinstance(data, pa.Table):
            self.rows = data.num_rows
            return schemas.arranged(data, order)
        arranged = pa.schema([data.schema.field(name) for name in order.names])
        return pa.RecordBatchReader.from_batches(arranged, self._through(data, order.names))

    def _through(self, data: pa.RecordBatchReader, order: Sequence[str]) -> Iterator[pa.RecordBatch]:
        batches = iter(data)
        # The writer pulls from inside its own runtime, in which a source that itself reads a table would fail.
        with ThreadPoolExecutor(max_workers=1) as thread:
            while (batch := thread.submit(next, batches, None).result()) is not None:
                self.rows += batch.num_rows
                yield batch.select(list(order))


@contextmanager
def _rows_outside(table: str, where: str | None) -> Iterator[None]:
    """Turn Delta's refusal of rows that are not part of what is replaced into our error."""
    try:
        yield
    except DeltaError as error:
        if "failed validation check" not in str(error):
            raise
        raise InvalidInputError(
            f"table {table}: some of the rows are not among those replaced ({where}); nothing was written"
        ) from error


def _until_committed(opened: OpenedTable, attempt: Callable[[], int], attempts: int = ATTEMPTS) -> int:
    with explained(opened.name, opened.uri):
        for number in range(1, attempts + 1):
            try:
                return attempt()
            except CommitFailedError as error:
                opened.drop()
                if number == attempts:
                    raise WriteConflictError(
                        f"table {opened.name}: another writer committed first, {attempts} times: nothing was written; "
                        f"run again ({error})"
                    ) from error
                time.sleep(random.random() * min(0.005 * number, 0.2))  # noqa: S311 - spreads writers, hides nothing
            except (OSError, DeltaError):
                opened.drop()
                raise
    raise AssertionError("unreachable")


def _check_progress(table: str, handle: DeltaTable, advance: Mapping[str, tuple[int | None, int]]) -> None:
    expected = {app: before for app, (before, _) in advance.items()}
    found = {app: handle.transaction_version(app) for app in advance}
    if found != expected:
        raise ProgressConflictError(table, expected, found)


def _check_advance(advance: Mapping[str, tuple[int | None, int]]) -> None:
    for app, (before, after) in advance.items():
        if before is not None and after < before:
            raise InvalidInputError(f"progress of {app} cannot go back from {before} to {after}")


def _check_partitions(table: str, handle: DeltaTable, partition_by: Sequence[str]) -> None:
    there = handle.metadata().partition_columns
    if partition_by and list(partition_by) != there:
        raise SchemaMismatchError(f"table {table} is partitioned by {there or 'nothing'}, not by {list(partition_by)}")


def _refuse_inexact(table: str, data_schema: pa.Schema, where: str | None) -> None:
    """Refuse conditions on floats: Delta passes over files by statistics that do not know of NaN."""
    floats = {f.name for f in data_schema if pa.types.is_floating(f.type)}
    named = floats & set(re.findall(r"\w+", where or ""))
    if named:
        raise InvalidInputError(
            f"table {table}: rows to replace cannot be chosen by the float column {', '.join(sorted(named))}"
        )


def _keep_stats(handle: DeltaTable, columns: Sequence[str] | None) -> None:
    if columns is not None and handle.metadata().configuration.get(STATS) != ",".join(columns):
        handle.alter.set_table_properties({STATS: ",".join(columns)})


def _commit_properties(
    provenance: Provenance | None, advance: Mapping[str, tuple[int | None, int]]
) -> CommitProperties:
    return CommitProperties(
        custom_metadata=None if provenance is None else dict(provenance.to_metadata()),
        app_transactions=[Transaction(app, after) for app, (_, after) in sorted(advance.items())] or None,
    )
