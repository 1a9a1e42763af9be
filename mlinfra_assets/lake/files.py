"""Which files of a table a read needs, and the lazy frame over just those."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable

from mlinfra_assets.lake import predicate, schema

FILE = "__file"


def needed(
    handle: DeltaTable, root: str, table_schema: pl.Schema, where: Sequence[predicate.Condition]
) -> pl.DataFrame:
    """The add actions of the files that may hold such rows, oldest first, with their address in the column `uri`."""
    actions = add_actions(handle, root)
    partitions = handle.metadata().partition_columns
    kept = actions.filter(predicate.files(table_schema, where, actions, partitions))
    return kept.sort("modification_time", "path")


def add_actions(handle: DeltaTable, root: str) -> pl.DataFrame:
    """One row a file: path, uri, size, rows, and per column minimum, maximum, null count and partition value."""
    actions = pl.DataFrame(pa.table(handle.get_add_actions(flatten=True)))
    return actions.with_columns(uri=pl.Series([f"{root}/{unquote(p)}" for p in actions["path"]], dtype=pl.String))


def bounds(actions: pl.DataFrame, column: str) -> tuple[Any, Any] | None:
    """Smallest and largest value of a column in these files; None if one of them does not say, or none has rows."""
    filled = actions.filter(pl.col("num_records") > 0)
    least, most = f"min.{column}", f"max.{column}"
    if filled.is_empty() or least not in filled.columns or filled[least].null_count() or filled[most].null_count():
        return None
    return filled[least].min(), filled[most].max()


def by_partition(actions: pl.DataFrame, by: Mapping[str, pl.DataType]) -> pl.DataFrame:
    """Rows and paths of each partition: the columns of `by`, `rows`, and `files` in alphabetical order."""
    found = actions.select(
        *(pl.col(f"partition.{name}").cast(kind).alias(name) for name, kind in by.items()),
        pl.col("num_records").alias("rows"),
        pl.col("path").alias("files"),
    )
    return found.group_by(list(by)).agg(pl.col("rows").sum(), pl.col("files").sort()).sort(list(by))


def scan(
    files: pl.DataFrame,
    table_schema: pl.Schema,
    partitions: Sequence[str],
    columns: Sequence[str] | None,
    where: Sequence[predicate.Condition],
    options: Mapping[str, str],
    part: tuple[int, int] | None = None,
) -> pl.LazyFrame:
    """The chosen columns of the rows that hold: of these files, or of `part` (first row, rows) of what they hold."""
    wanted = list(schema.subset(table_schema, columns))
    if files.is_empty():
        return pl.LazyFrame(schema=schema.subset(table_schema, wanted))
    stored = pl.Schema({n: t for n, t in table_schema.items() if n not in partitions})
    frame = pl.scan_parquet(
        files["uri"].to_list(),
        schema=stored,
        glob=False,
        hive_partitioning=False,
        missing_columns="insert",
        include_file_paths=FILE if partitions else None,
        storage_options=dict(options) or None,
    )
    if part is not None:
        frame = frame.slice(*part)
    for column in partitions:
        values = files[f"partition.{column}"].cast(table_schema[column])
        frame = frame.with_columns(_partition_value(files["uri"], values).alias(column))
    holds = predicate.rows(table_schema, where)
    return (frame if holds is None else frame.filter(holds)).select(wanted)


def parts(files: pl.DataFrame, rows: int) -> Iterator[tuple[pl.DataFrame, tuple[int, int]]]:
    """Each file by itself, in parts (first row, rows) of at most `rows` rows, for `scan`."""
    for file in files.iter_slices(1):
        held = int(file["num_records"].item())
        for first in range(0, held, rows):
            yield file, (first, min(rows, held - first))


def _partition_value(uris: pl.Series, values: pl.Series) -> pl.Expr:
    if values.n_unique() == 1:
        return pl.lit(values[0], dtype=values.dtype)
    return pl.col(FILE).replace_strict(uris, values, return_dtype=values.dtype)
