"""How a table gets new columns and wider types while others append to it and read it.

A new column is a change of the table's metadata alone. A wider type is written anew, all rows in one commit: Delta's
own type widening is a feature that this platform's readers do not know. Old versions keep their files and their types.
The commit states the progress that it was computed under, so that an append that states progress under the same
application ids cannot get in between unseen: one of the two fails, and is tried again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Field, write_deltalake

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.fault_points import reach
from mlinfra_assets.lake import schema as schemas
from mlinfra_assets.lake.appending import check_progress
from mlinfra_assets.lake.committing import commit_properties, until_committed, writer
from mlinfra_assets.lake.counted import Counted
from mlinfra_assets.lake.errors import SchemaMismatchError
from mlinfra_assets.lake.opened import OpenedTable
from mlinfra_assets.lake.provenance import Provenance


@dataclass(frozen=True)
class Evolve:
    """Columns that a table is to hold.

    Attributes:
        columns: Name to type. Those that the table does not have are added; of those that it has the wider of the two
            types is kept.
        provenance: What the commit says of its origin.
        advance: By application id: the progress that the table must state, and what it states afterwards.
        rows: Reads the rows of a version, a part at a time.
    """

    columns: pl.Schema
    provenance: Provenance
    advance: Mapping[str, tuple[int | None, int]]
    rows: Callable[[int], Iterator[pl.DataFrame]]


def evolve(opened: OpenedTable, job: Evolve) -> int | None:
    """Give the table the columns; returns the version that has them, None if it had them already.

    Raises:
        SchemaMismatchError: A column has a type that neither widens to the other; nothing was written.
        InvalidInputError: A value does not fit into the wider type; nothing was written.
        ProgressConflictError: The table states another progress than `advance` expects.
        WriteConflictError: Other writers were faster again and again.
    """

    def attempt() -> int | None:
        handle, rows = _read(opened, job)
        before = handle.version()
        existing = schemas.to_polars(schemas.canonical(pa.schema(handle.schema().to_arrow())))
        wanted = evolved(opened.name, existing, job.columns)
        if wanted == existing:
            return None
        check_progress(opened, handle, job.advance)
        properties = commit_properties(job.provenance, job.advance, opened.epoch() if job.advance else 0)
        if all(wanted[name] == kind for name, kind in existing.items()):
            new = _arrow(pl.Schema({name: kind for name, kind in wanted.items() if name not in existing}))
            handle.alter.add_columns([Field.from_arrow(field) for field in new], commit_properties=properties)
        else:
            _rewrite(opened.name, handle, rows, wanted, properties)
        reach("lake.after_evolution")
        opened.confirm(before, handle.version())
        return handle.version()

    return until_committed(opened, attempt)


def _read(opened: OpenedTable, job: Evolve) -> tuple[DeltaTable, Iterator[pl.DataFrame]]:
    """The handle, and the rows of exactly its version: looking for them may have brought the handle up to date."""
    while True:
        handle = opened.latest()
        version = handle.version()
        rows = job.rows(version)
        if handle.version() == version:
            return handle, rows


def _rewrite(
    table: str, handle: DeltaTable, rows: Iterator[pl.DataFrame], wanted: pl.Schema, properties: CommitProperties
) -> None:
    """Write all rows in the wanted types, a part at a time."""
    order = _arrow(wanted)

    def batches() -> Iterator[pa.RecordBatch]:
        for part in rows:
            arranged = schemas.arranged(schemas.to_arrow(widened(table, part, wanted)), order)
            yield from arranged.cast(order).to_batches()

    def write(batches: pa.Table | pa.RecordBatchReader) -> None:
        write_deltalake(
            handle,
            batches,
            mode="overwrite",
            schema_mode="overwrite",
            partition_by=list(handle.metadata().partition_columns) or None,
            writer_properties=writer(order),
            commit_properties=properties,
        )

    Counted().write(write, pa.RecordBatchReader.from_batches(order, batches()), order)


def evolved(table: str, existing: pl.Schema, columns: pl.Schema) -> pl.Schema:
    """The columns of a table with those that it is to hold, in its order, new ones at the end.

    Raises:
        SchemaMismatchError: A column has a type that neither widens to the other.
    """
    found = dict(existing)
    for name, kind in columns.items():
        there = existing.get(name)
        if there is None or widens(there, kind):
            found[name] = kind
        elif there != kind and not widens(kind, there):
            raise SchemaMismatchError(
                f"table {table}: column {name} is {there}, and {kind} is neither wider nor narrower than that; nothing "
                "was written: give the field another name, so that it becomes a column of its own"
            )
    return pl.Schema(found)


def widens(narrow: pl.DataType, wide: pl.DataType) -> bool:
    """Whether values of one type are written in another one by a rewrite: each is compared, and none may differ."""
    if narrow == pl.Int64():
        return wide == pl.Float64() or isinstance(wide, pl.Decimal)
    return isinstance(narrow, pl.Decimal) and isinstance(wide, pl.Decimal) and wide.scale > narrow.scale


def widened(table: str, rows: pl.DataFrame, columns: pl.Schema) -> pl.DataFrame:
    """Rows with each column in the type that `columns` names for it, if that is wider; the others as they are.

    Raises:
        InvalidInputError: A value is not the same in the wider type.
    """
    changes = {n: columns[n] for n, kind in rows.schema.items() if n in columns and widens(kind, columns[n])}
    for name, kind in changes.items():
        _refuse_loss(table, rows[name], kind)
    return rows.with_columns(pl.col(name).cast(kind) for name, kind in changes.items())


def _refuse_loss(table: str, column: pl.Series, kind: pl.DataType) -> None:
    """Refuse what a cast would round or cut: a whole number beyond 2^53 as a double, too many digits as a decimal."""
    least, most = column.min(), column.max()
    if not isinstance(least, int | Decimal) or not isinstance(most, int | Decimal):
        return  # all are null
    limit = (
        10 ** (kind.precision - kind.scale) - Decimal(1).scaleb(-kind.scale) if isinstance(kind, pl.Decimal) else 2**53
    )
    if least < -limit or most > limit:
        raise InvalidInputError(
            f"table {table}: column {column.name} holds values from {least} to {most}, which {kind} does not hold "
            "exactly; nothing was written: keep the type, and declare a new field of the other one"
        )


def _arrow(columns: pl.Schema) -> pa.Schema:
    return schemas.canonical(schemas.to_arrow(pl.DataFrame(schema=columns)).schema)
