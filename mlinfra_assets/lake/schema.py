"""What columns a table has, and whether data has the very same ones: compared before writing, never cast.

Types are compared in one canonical form, in which the layouts of one logical type (string, large string, string view)
are the same type and every field is nullable.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pyarrow as pa

from mlinfra_assets.lake.errors import SchemaMismatchError

UTC_NAMES = ("UTC", "+00:00", "Etc/UTC", "Z")


def canonical(schema: pa.Schema) -> pa.Schema:
    """The schema in canonical form, without metadata."""
    return pa.schema([pa.field(f.name, canonical_type(f.type)) for f in schema])


def canonical_type(kind: pa.DataType) -> pa.DataType:
    """One representative of all layouts of a logical type."""
    if pa.types.is_large_string(kind) or pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_large_binary(kind) or pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.list_(pa.field("element", canonical_type(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(f.name, canonical_type(f.type)) for f in kind.fields])
    if pa.types.is_timestamp(kind) and kind.tz in UTC_NAMES:
        return pa.timestamp(kind.unit, tz="UTC")
    return kind


def writable(table: str, schema: pa.Schema) -> None:
    """Refuse column types that a Delta table cannot hold as they are.

    Raises:
        SchemaMismatchError: Names every such column, its type and what to use instead.
    """
    problems = [f"{f.name} is {f.type}: {why}" for f in schema if (why := _unfit(f.type))]
    if len(set(schema.names)) != len(schema.names):
        problems.append("a column name occurs twice")
    if problems:
        raise SchemaMismatchError(f"table {table} cannot hold this data: {'; '.join(problems)}")


def matching(table: str, data: pa.Schema, existing: pa.Schema, *, merge: bool) -> list[str]:
    """Compare the columns of data with those of a table, strictly; both schemas are canonical.

    Args:
        table: The table's name, for the message.
        data: What is to be written.
        existing: What the table has.
        merge: Allow columns that the table lacks (they are added) and columns that the data lacks (they are null).

    Returns:
        Names of the columns that are new to the table.

    Raises:
        SchemaMismatchError: Names every column that differs, with both types.
    """
    there = {f.name: f.type for f in existing}
    given = {f.name: f.type for f in data}
    differing = [f"{n} is {given[n]}, in the table {there[n]}" for n in given if n in there and given[n] != there[n]]
    added = [n for n in given if n not in there]
    missing = [n for n in there if n not in given]
    if not merge:
        differing += [f"{n} ({given[n]}) is not in the table" for n in added]
        differing += [f"{n} ({there[n]}) is missing" for n in missing]
    if differing:
        raise SchemaMismatchError(
            f"data does not fit table {table}: {'; '.join(differing)}; nothing was written: "
            "convert the data, or change the table's schema on purpose"
        )
    return added


def arranged(data: pa.Table, schema: pa.Schema) -> pa.Table:
    """The columns of `data` in the order of `schema`; those that it lacks as nulls, those unknown to it at the end."""
    known = [data[f.name] if f.name in data.column_names else pa.nulls(data.num_rows, f.type) for f in schema]
    names = list(schema.names) + [n for n in data.column_names if n not in schema.names]
    return pa.table(known + [data[n] for n in names[len(known) :]], names=names)


def to_arrow(data: pl.DataFrame | pa.Table) -> pa.Table:
    """An Arrow table over the same buffers, in layouts that Delta's writer knows."""
    if isinstance(data, pl.DataFrame):
        return data.to_arrow(compat_level=pl.CompatLevel.oldest())
    return data


def to_polars(schema: pa.Schema) -> pl.Schema:
    """The Polars schema of a canonical Arrow schema."""
    frame = pl.from_arrow(schema.empty_table())
    assert isinstance(frame, pl.DataFrame)  # noqa: S101 - a table becomes a frame; this tells the type checker
    return frame.schema


def subset(schema: pl.Schema, columns: Sequence[str] | None) -> pl.Schema:
    """The schema of the chosen columns, in the order they were asked for."""
    return schema if columns is None else pl.Schema({c: schema[c] for c in columns})


def _unfit(kind: pa.DataType) -> str | None:
    if pa.types.is_null(kind):
        return "give the column a type"
    if pa.types.is_unsigned_integer(kind):
        return "Delta has no unsigned integers, use a signed one"
    if pa.types.is_timestamp(kind) and (kind.unit != "us" or kind.tz not in UTC_NAMES):
        return "times are UTC with microseconds, timestamp[us, tz=UTC]"
    if pa.types.is_time(kind) or pa.types.is_duration(kind) or pa.types.is_float16(kind) or pa.types.is_date64(kind):
        return "Delta has no such type"
    if pa.types.is_dictionary(kind):
        return "cast the categorical column to its value type"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _unfit(kind.value_type)
    if pa.types.is_struct(kind):
        return next((f"{f.name}: {why}" for f in kind.fields if (why := _unfit(f.type))), None)
    return None
