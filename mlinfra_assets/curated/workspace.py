"""A workspace: a fresh DuckDB file in which pinned snapshots of the lake's tables stand as relations for dbt to read.

A snapshot of a local lake is a view over its Parquet files; one of an object store is loaded, because DuckDB has no
reader for it that comes with the package. Names of relations and columns are the dbt project's own, and quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import duckdb
import pyarrow as pa

from mlinfra_assets.curated.errors import SourceMismatchError
from mlinfra_assets.curated.project import WORKSPACE_FILE
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.positions import Positions, merge

UTC = "set TimeZone = 'UTC'"


@dataclass(frozen=True)
class Snapshot:
    """A table as a workspace sees it.

    Attributes:
        table: The lake's name of it.
        relation: Its name in SQL, quoted, with the database.
        columns: Column name to SQL type.
    """

    table: str
    relation: str
    columns: Mapping[str, str]


@dataclass(frozen=True)
class Workspace:
    """A DuckDB file with snapshots in it.

    Attributes:
        file: The file.
        versions: Version of every table that is there, by table name. One that does not exist yet is empty and absent.
        positions: How far each source is contained in a table, by table name.
    """

    file: Path
    versions: Mapping[str, int]
    positions: Mapping[str, Mapping[str, Positions]] = field(default_factory=dict)

    def inputs(self, tables: Iterable[str]) -> dict[str, int]:
        """Versions of those of the tables that exist, by name."""
        return {table: self.versions[table] for table in sorted(tables) if table in self.versions}

    def watermark(self, tables: Iterable[str]) -> dict[str, Positions]:
        """How far each source is contained in these tables together."""
        return merge(*(self.positions.get(table, {}) for table in sorted(tables)))


def open_workspace(
    folder: Path,
    lake: Lake,
    snapshots: Iterable[Snapshot],
    pins: Mapping[str, int] | None = None,
    newest_first: bool = False,
) -> Workspace:
    """Make a workspace.

    Args:
        folder: Where its file goes; there must be none yet.
        lake: Where the tables are.
        snapshots: The tables to show.
        pins: Versions by table name; a table that is not named is shown empty, as before its first commit. Default:
            every table at its newest.
        newest_first: Show the files of a table in the opposite order; no result may depend on it.

    Raises:
        SourceMismatchError: A table does not have the declared columns.
    """
    workspace = Workspace(folder / WORKSPACE_FILE, versions := {}, positions := {})
    with duckdb.connect(str(workspace.file)) as connection:
        connection.execute(UTC)
        for snapshot in snapshots:
            table = lake.table(snapshot.table)
            schema = snapshot.relation.rsplit(".", 1)[0]
            connection.execute(f"create schema if not exists {schema}")
            version = _version(table, pins)
            if version is None:
                connection.execute(f"create view {snapshot.relation} as {_empty(snapshot)}")
                continue
            _check(snapshot, table, version)
            _show(connection, _as_wide_as_stored(snapshot, table, version), table, version, newest_first)
            versions[snapshot.table] = version
            provenance = table.provenance(version)
            positions[snapshot.table] = dict(provenance.positions) if provenance else {}
    return workspace


def _version(table: LakeTable, pins: Mapping[str, int] | None) -> int | None:
    if pins is not None:
        return pins.get(table.name)
    return table.version() if table.exists() else None


def _show(
    connection: duckdb.DuckDBPyConnection, snapshot: Snapshot, table: LakeTable, version: int, newest_first: bool
) -> None:
    if "://" in table.uri or table.partition_columns():
        rows = table.read(columns=list(snapshot.columns), version=version)
        connection.register("loaded", rows.reverse() if newest_first else rows)
        connection.execute(f"create table {snapshot.relation} as select {_columns(snapshot)} from loaded")  # noqa: S608
        connection.unregister("loaded")
        return
    files = table.files(version)
    if not files:
        connection.execute(f"create view {snapshot.relation} as {_empty(snapshot)}")
        return
    listed = ", ".join(_text(_not_a_glob(f)) for f in (reversed(files) if newest_first else files))
    stored = f"select * from read_parquet([{listed}], union_by_name=true, hive_partitioning=false)"  # noqa: S608
    # Files from before a column was added do not have it; the empty part gives it to them, with nulls.
    rows = f"({stored} union all by name {_empty(snapshot)})"
    connection.execute(f"create view {snapshot.relation} as select {_columns(snapshot)} from {rows}")  # noqa: S608


def _columns(snapshot: Snapshot) -> str:
    return ", ".join(f"cast({_name(name)} as {kind}) as {_name(name)}" for name, kind in snapshot.columns.items())


def _empty(snapshot: Snapshot) -> str:
    columns = ", ".join(f"cast(null as {kind}) as {_name(name)}" for name, kind in snapshot.columns.items())
    return f"select {columns} where false"


def _as_wide_as_stored(snapshot: Snapshot, table: LakeTable, version: int) -> Snapshot:
    """The snapshot with the table's own type where a contract has widened it: a cast back would round."""
    stored = table.schema(version)
    found = {name: _wider(kind, stored.field(name).type) for name, kind in snapshot.columns.items()}
    wider = {name: kind for name, kind in found.items() if kind is not None}
    return replace(snapshot, columns={**snapshot.columns, **wider})


def _wider(declared: str, stored: pa.DataType) -> str | None:
    """The stored type in SQL, if it holds more than the declared one; None if it does not."""
    scale = re.fullmatch(r"decimal\(\d+, *(\d+)\)", declared.lower())
    whole = declared.lower() == "bigint"
    if pa.types.is_decimal(stored) and (whole or (scale is not None and stored.scale > int(scale[1]))):
        return f"decimal({stored.precision},{stored.scale})"
    return "double" if pa.types.is_floating(stored) and whole else None


def _check(snapshot: Snapshot, table: LakeTable, version: int) -> None:
    missing = [name for name in snapshot.columns if name not in table.schema(version).names]
    if missing:
        raise SourceMismatchError(
            f"table {snapshot.table} (version {version}) has no column {', '.join(missing)}, which the dbt project "
            "declares: correct the contract or the declaration, or rebuild the table"
        )


def _name(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _not_a_glob(path: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in path)


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
