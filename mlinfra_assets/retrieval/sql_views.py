"""A version of a table as a DuckDB view over its Parquet files, partition columns included.

Where DuckDB could not read the files as they lie, or could read something else than what the log says (an object store,
a path that looks like a pattern, a partition that its folder does not name), the rows are copied to one file first.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pyarrow as pa

from mlinfra_assets.lake.errors import LakeCorruptError
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.retrieval.sql_names import in_sql
from mlinfra_assets.retrieval.sql_statement import QueryError

PATTERN = re.compile(r"[*?\[\]]")
PLAIN = re.compile(r"[A-Za-z0-9_.\-]+")


@dataclass(frozen=True)
class View:
    """A view to be made.

    Attributes:
        schema: Its schema.
        name: Its name.
        select: What it selects.
        files: The files that it reads.
    """

    schema: str
    name: str
    select: str
    files: tuple[str, ...]

    @property
    def statements(self) -> tuple[str, str]:
        """What makes it."""
        schema = quoted(self.schema)
        return f"create schema if not exists {schema}", f"create view {schema}.{quoted(self.name)} as {self.select}"


def view_of(table: LakeTable, version: int, folder: Path) -> View:
    """The view over a version of a table; `folder` is for what has to be copied.

    Raises:
        ForeignFormatError: The table has deletion vectors or column mapping.
        LakeCorruptError: Its log names a file outside of its folder.
        UnavailableError: It cannot be read.
    """
    columns, partitions = table.schema(version), table.partition_columns()
    files = table.files(version)
    if not files:
        return _view(table, columns, None, ())
    if "://" not in table.uri:
        _refuse_outside(table, files)
    if _readable(table, files, partitions):
        hive = {name: sql_type(columns.field(name).type) for name in partitions}
        return _view(table, columns, _scan(files, hive), tuple(files))
    copy = str(folder / f"{quote(table.name, safe='')}-{version}.parquet")
    table.scan(version=version).sink_parquet(copy)
    return _view(table, columns, _scan([copy], {}), (copy,))


def stub_of(table: LakeTable) -> View:
    """A view with a table's columns and no rows, for questions about columns alone."""
    return _view(table, table.schema(), None, ())


def sql_type(kind: pa.DataType) -> str:
    """DuckDB's name of a column type of the lake.

    Raises:
        QueryError: This platform writes no such columns.
    """
    if pa.types.is_decimal(kind):
        return f"DECIMAL({kind.precision}, {kind.scale})"
    if pa.types.is_timestamp(kind):
        return "TIMESTAMP" if kind.tz is None else "TIMESTAMP WITH TIME ZONE"
    if pa.types.is_list(kind):
        return f"{sql_type(kind.value_type)}[]"
    if pa.types.is_struct(kind):
        return f"STRUCT({', '.join(f'{quoted(f.name)} {sql_type(f.type)}' for f in kind.fields)})"
    if kind not in SCALARS:
        raise QueryError(f"a column of type {kind} cannot be read by a query: leave its table out")
    return SCALARS[kind]


SCALARS = {
    pa.string(): "VARCHAR", pa.binary(): "BLOB", pa.bool_(): "BOOLEAN", pa.date32(): "DATE",
    pa.int8(): "TINYINT", pa.int16(): "SMALLINT", pa.int32(): "INTEGER", pa.int64(): "BIGINT",
    pa.float32(): "FLOAT", pa.float64(): "DOUBLE",
}  # fmt: skip


def quoted(name: str) -> str:
    """A name as an identifier."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A value as a string constant."""
    return "'" + value.replace("'", "''") + "'"


def _view(table: LakeTable, columns: pa.Schema, scan: str | None, files: tuple[str, ...]) -> View:
    typed = [f"cast(null as {sql_type(f.type)}) as {quoted(f.name)}" for f in columns]
    select = f"select {', '.join(typed)} where false"
    if scan is not None:
        # Files from before a column was added do not have it; the empty part gives it to them, with nulls.
        listed = ", ".join(quoted(f.name) for f in columns)
        select = f"select {listed} from ({scan} union all by name {select})"  # noqa: S608 - names are quoted
    return View(*in_sql(table.name), select, files)


def _scan(files: Sequence[str], hive: dict[str, str]) -> str:
    listed = ", ".join(map(text, files))
    types = ", ".join(f"{text(name)}: {kind}" for name, kind in hive.items())
    parts = f"hive_partitioning = true, hive_types = {{{types}}}" if hive else "hive_partitioning = false"
    return f"select * from read_parquet([{listed}], union_by_name = true, {parts})"  # noqa: S608 - texts are quoted


def _readable(table: LakeTable, files: Sequence[str], partitions: Sequence[str]) -> bool:
    """Whether DuckDB finds in these very paths what the log says."""
    if "://" in table.uri or PATTERN.search("".join(files)):
        return False
    if not partitions:
        return True
    if "=" in table.uri:
        return False
    return all(_names_parts(Path(file).relative_to(table.uri).parts[:-1], partitions) for file in files)


def _names_parts(folders: Sequence[str], partitions: Sequence[str]) -> bool:
    """Whether the folders are `column=value` for each partition column, with values that need no escapes."""
    pairs = [folder.partition("=") for folder in folders]
    plain = all(PLAIN.fullmatch(value) and not value.startswith("__HIVE") for _, _, value in pairs)
    return [name for name, _, _ in pairs] == list(partitions) and plain


def _refuse_outside(table: LakeTable, files: Sequence[str]) -> None:
    root = os.path.realpath(table.uri)
    for file in files:
        if not os.path.realpath(file).startswith(root + os.sep):
            raise LakeCorruptError(
                f"table {table.name} at {table.uri} names a file outside of its folder: {file}; it is not read. "
                "Find out who wrote that commit, and restore the table's log"
            )
