"""How rows take the place of others, in one commit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import pyarrow as pa
from deltalake import write_deltalake
from deltalake.exceptions import DeltaError

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
from mlinfra_assets.lake.opened import OpenedTable
from mlinfra_assets.lake.provenance import Provenance


@dataclass(frozen=True)
class Replace:
    """Rows that take the place of all rows, or of those for which `where` holds.

    Attributes:
        data: The rows. A reader is consumed as it is written, for what does not fit into memory.
        provenance: What the commit says of its origin.
        where: SQL condition on columns of the table; None replaces everything.
        partition_by: Partition columns of a table that does not exist yet, or whose schema changes.
        schema_change: Whether the table takes over the data's columns.
        merge: Whether columns may come and go (new ones are added, absent ones are null).
        stats_columns: Columns whose minimum and maximum the log keeps; None leaves that as it is.
    """

    data: pa.Table | pa.RecordBatchReader
    provenance: Provenance
    where: str | None
    partition_by: Sequence[str]
    schema_change: bool
    merge: bool = False
    stats_columns: Sequence[str] | None = None


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
        create(opened, data_schema, job.partition_by, job.stats_columns, None)
    _refuse_inexact(opened.name, data_schema, job.where)
    stream = isinstance(job.data, pa.RecordBatchReader)
    counted = Counted()

    def attempt() -> int:
        handle = opened.latest()
        before = handle.version()
        added: list[str] = []
        if not job.schema_change:
            check_partitions(opened.name, handle, job.partition_by)
            existing = schemas.canonical(pa.schema(handle.schema().to_arrow()))
            added = schemas.matching(opened.name, data_schema, existing, merge=job.merge)
        else:
            existing = data_schema
        keep_stats(handle, job.stats_columns)

        def write(rows: pa.Table | pa.RecordBatchReader) -> None:
            write_deltalake(
                handle,
                rows,
                mode="overwrite",
                predicate=job.where,
                schema_mode="overwrite" if job.schema_change else "merge" if added else None,
                partition_by=list(job.partition_by) if job.schema_change and job.partition_by else None,
                writer_properties=writer(data_schema),
                commit_properties=commit_properties(job.provenance, {}),
            )

        with _rows_outside(opened.name, job.where):
            counted.write(write, job.data, existing)
        opened.confirm(before, handle.version())
        return handle.version()

    return until_committed(opened, attempt, attempts=1 if stream else ATTEMPTS), counted.rows


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


def _refuse_inexact(table: str, data_schema: pa.Schema, where: str | None) -> None:
    """Refuse conditions on floats: Delta passes over files by statistics that do not know of NaN."""
    floats = {f.name for f in data_schema if pa.types.is_floating(f.type)}
    named = floats & set(re.findall(r"\w+", where or ""))
    if named:
        raise InvalidInputError(
            f"table {table}: rows to replace cannot be chosen by the float column {', '.join(sorted(named))}"
        )
