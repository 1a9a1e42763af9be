"""How rows are added to a table: through the handle that the table's progress was checked on, or not at all.

Delta's transaction versions do not prevent a repeat by themselves. What does: read the progress from an open handle,
and commit through that very handle, so that any writer who was faster makes the commit fail; then open again and
compare again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake import schema as schemas
from mlinfra_assets.lake.committing import (
    ATTEMPTS,
    check_partitions,
    commit_properties,
    create,
    keep_stats,
    until_committed,
    writer,
)
from mlinfra_assets.lake.counted import Counted
from mlinfra_assets.lake.errors import ProgressConflictError
from mlinfra_assets.lake.opened import OpenedTable
from mlinfra_assets.lake.provenance import Provenance


@dataclass(frozen=True)
class Append:
    """Rows to add.

    Attributes:
        data: The rows; their schema is canonical but for the layout of strings, bytes and lists. A reader is consumed
            as it is written, for what does not fit into memory.
        provenance: What the commit says of its origin.
        advance: By application id: the progress that the table must state, and what it states afterwards.
        partition_by: Partition columns of a table that does not exist yet.
        stats_columns: Columns whose minimum and maximum the log keeps; None leaves that as it is.
        merge: Whether columns may come and go (new ones are added, absent ones are null).
    """

    data: pa.Table | pa.RecordBatchReader
    provenance: Provenance
    advance: Mapping[str, tuple[int | None, int]]
    partition_by: Sequence[str]
    stats_columns: Sequence[str] | None
    merge: bool


def append(opened: OpenedTable, job: Append) -> tuple[int, int]:
    """Add the rows once; returns the version that holds them and how many they are.

    An append without rows that advances nothing makes the table exist, and writes no commit to one that does.

    Raises:
        SchemaMismatchError: The columns are not those of the table.
        ProgressConflictError: The table states another progress than `advance` expects.
        WriteConflictError: Other writers were faster again and again; a reader cannot be written a second time.
    """
    data_schema = schemas.canonical(job.data.schema)
    schemas.writable(opened.name, data_schema)
    _check_advance(job.advance)
    stream = isinstance(job.data, pa.RecordBatchReader)
    empty = not isinstance(job.data, pa.RecordBatchReader) and job.data.num_rows == 0 and not job.advance
    counted = Counted()
    if not opened.exists():
        create(opened, data_schema, job.partition_by, job.stats_columns, job.provenance if empty else None)

    def attempt() -> int:
        handle = opened.latest()
        before = handle.version()
        check_partitions(opened.name, handle, job.partition_by)
        existing = schemas.canonical(pa.schema(handle.schema().to_arrow()))
        added = schemas.matching(opened.name, data_schema, existing, merge=job.merge)
        if empty:
            return before
        # Before the progress is checked: this commit brings the handle up to date with what others wrote.
        keep_stats(handle, job.stats_columns)
        check_progress(opened, handle, job.advance)
        properties = commit_properties(job.provenance, job.advance, opened.epoch() if job.advance else 0)

        def write(rows: pa.Table | pa.RecordBatchReader) -> None:
            write_deltalake(
                handle,
                rows,
                mode="append",
                schema_mode="merge" if added else None,
                writer_properties=writer(data_schema),
                commit_properties=properties,
            )

        counted.write(write, job.data, existing)
        opened.advanced(before, job.advance)
        opened.confirm(before, handle.version())
        return handle.version()

    return until_committed(opened, attempt, attempts=1 if stream else ATTEMPTS), counted.rows


def check_progress(opened: OpenedTable, handle: DeltaTable, advance: Mapping[str, tuple[int | None, int]]) -> None:
    """Refuse to write through a handle that states another progress than the writer believes in.

    Raises:
        ProgressConflictError: It does.
    """
    expected = {app: before for app, (before, _) in advance.items()}
    found = {app: opened.progress(handle, app) for app in advance}
    if found != expected:
        raise ProgressConflictError(opened.name, expected, found)


def _check_advance(advance: Mapping[str, tuple[int | None, int]]) -> None:
    for app, (before, after) in advance.items():
        if before is not None and after < before:
            raise InvalidInputError(f"progress of {app} cannot go back from {before} to {after}")
