"""A table of the lake as its readers see it: rows of any version, in one piece or in parts, files and partitions."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable

from mlinfra_assets.lake import files, predicate
from mlinfra_assets.lake import schema as schemas
from mlinfra_assets.lake.opened import OpenedTable

BATCH_ROWS = 1 << 18
"""Half of what a row group holds as the tables are written: a frame of it never decodes more than one."""


class ReadableTable:
    """What can be asked of a Delta table by name. It need not exist.

    Attributes:
        name: Its name, which is the asset key joined by slashes.
        uri: Folder or `s3://` address.
    """

    def __init__(self, name: str, uri: str, storage_options: Mapping[str, str]) -> None:
        self.name = name
        self.uri = uri
        self._options = dict(storage_options)
        self._opened = OpenedTable(name, uri, storage_options)
        self._lock = threading.RLock()

    def exists(self) -> bool:
        """Whether the table is there."""
        with self._lock:
            return self._opened.exists()

    def version(self) -> int:
        """The newest version.

        Raises:
            MissingTableError: The table does not exist.
        """
        with self._lock:
            return self._opened.latest().version()

    def schema(self, version: int | None = None) -> pa.Schema:
        """Columns and types, in canonical form (plain strings, bytes and lists; every field nullable)."""
        with self._lock:
            return schemas.canonical(pa.schema(self._opened.at(version).schema().to_arrow()))

    def maximum(self, column: str) -> object:
        """The greatest value of a column, from the log alone; None if the log keeps none of it, or there is no row."""
        with self._lock:
            actions = files.add_actions(self._opened.latest(), self.uri)
        return actions[f"max.{column}"].max() if f"max.{column}" in actions.columns else None

    def partition_columns(self) -> list[str]:
        """The columns that the files are divided by."""
        with self._lock:
            return list(self._opened.latest().metadata().partition_columns)

    def count(self, version: int | None = None) -> int:
        """Number of rows at a version (default: the newest), from the log alone."""
        with self._lock:
            return self._opened.at(version).count()

    def scan(
        self,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        where: Sequence[predicate.Condition] = (),
    ) -> pl.LazyFrame:
        """A lazy frame over the rows for which all conditions hold; files that cannot hold any are not opened.

        Args:
            columns: Which columns, in which order; default all.
            version: As of which version; default the newest.
            where: `(column, operator, value)` with ==, !=, <, <=, >, >= or `in`; times with a zone.

        Raises:
            MissingTableError: There is no such table or version.
            InvalidInputError: There is no such column, or a condition cannot be compared.
        """
        with self._lock:
            handle = self._opened.at(version)
            needed, schema, partitions = self._needed(handle, columns, where)
        return files.scan(needed, schema, partitions, columns, where, self._options)

    def read(
        self,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        where: Sequence[predicate.Condition] = (),
    ) -> pl.DataFrame:
        """The same as `scan`, collected. The order of rows is not defined.

        Raises:
            LakeCorruptError: A file of the table is missing or cut; names it.
        """
        return self._collect(self.scan(columns, version, where), version)

    def batches(
        self,
        columns: Sequence[str] | None = None,
        version: int | None = None,
        where: Sequence[predicate.Condition] = (),
        rows: int = BATCH_ROWS,
    ) -> Iterator[pl.DataFrame]:
        """The same rows as `read`, in frames of at most `rows` rows, so that a table of any size fits in memory.

        The version is settled when this is called: commits that come while the frames are taken change nothing. None
        of the frames is empty, and without rows there are none. The order is that of the files, oldest first.

        Raises:
            MissingTableError: There is no such table or version.
            InvalidInputError: There is no such column, or a condition cannot be compared.
            LakeCorruptError: While frames are taken: a file of the table is missing or cut; names it.
        """
        with self._lock:
            handle = self._opened.at(version)
            needed, schema, partitions = self._needed(handle, columns, where)
        parts = (
            files.scan(file, schema, partitions, columns, where, self._options, part)
            for file, part in files.parts(needed, rows)
        )
        return self._taken(parts, handle.version())

    def files(self, version: int | None = None, where: Sequence[predicate.Condition] = ()) -> list[str]:
        """Addresses of the Parquet files at a version, oldest first; with `where`, those that may hold such rows.

        Partition columns are not in the files themselves.
        """
        with self._lock:
            return self._needed(self._opened.at(version), (), where)[0]["uri"].to_list()

    def bounds(self, column: str, version: int | None = None) -> tuple[Any, Any] | None:
        """Smallest and largest value of a column, from the log alone; None if it does not say, or there are no rows.

        Raises:
            MissingTableError: There is no such table or version.
        """
        with self._lock:
            return files.bounds(files.add_actions(self._opened.at(version), self.uri), column)

    def partitions(self, version: int | None = None) -> pl.DataFrame:
        """What each partition holds at a version, from the log alone; one without rows is not there.

        Returns:
            The partition columns, `rows` (int64), and `files`: the paths of its files in alphabetical order. A path is
            never used twice: where the same files are, the same rows are.

        Raises:
            MissingTableError: There is no such table or version.
        """
        with self._lock:
            handle = self._opened.at(version)
            schema = schemas.to_polars(schemas.canonical(pa.schema(handle.schema().to_arrow())))
            by = {c: schema[c] for c in handle.metadata().partition_columns}
            return files.by_partition(files.add_actions(handle, self.uri), by)

    def _needed(
        self, handle: DeltaTable, columns: Sequence[str] | None, where: Sequence[predicate.Condition]
    ) -> tuple[pl.DataFrame, pl.Schema, list[str]]:
        """The files that may hold such rows, the table's columns, and those that the files are divided by."""
        schema = schemas.to_polars(schemas.canonical(pa.schema(handle.schema().to_arrow())))
        predicate.check(self.name, columns or (), schema, where)
        self._opened.refuse_removed(handle)
        needed = files.needed(handle, self.uri, schema, where)
        return needed, schema, list(handle.metadata().partition_columns)

    def _taken(self, parts: Iterator[pl.LazyFrame], version: int) -> Iterator[pl.DataFrame]:
        for part in parts:
            collected = self._collect(part, version)
            if collected.height:
                yield collected

    def _collect(self, frame: pl.LazyFrame, version: int | None) -> pl.DataFrame:
        try:
            return frame.collect()
        except (pl.exceptions.PolarsError, OSError) as error:
            with self._lock:
                self._opened.explain_unreadable(version, error)
            raise
