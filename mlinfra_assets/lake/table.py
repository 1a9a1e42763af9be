"""One table of the lake: append exactly once, replace, read as of any version, say where a version comes from."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable

from mlinfra_assets.lake import appending, files, history, maintenance, noting, predicate, replacing
from mlinfra_assets.lake import schema as schemas
from mlinfra_assets.lake.commit import Commit
from mlinfra_assets.lake.errors import ProgressConflictError, SchemaMismatchError
from mlinfra_assets.lake.history import HistoryEntry
from mlinfra_assets.lake.maintenance import Maintained
from mlinfra_assets.lake.opened import OpenedTable
from mlinfra_assets.lake.provenance import Provenance

__all__ = ["Commit", "HistoryEntry", "LakeTable", "Maintained", "ProgressConflictError", "SchemaMismatchError"]

BATCH_ROWS = 1 << 18
"""Half of what a row group holds as the tables are written: a frame of it never decodes more than one."""


class LakeTable:
    """A Delta table by name. It need not exist yet: the first write makes it.

    One object may be used by several threads; writers in other threads, processes and machines are allowed for.

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

    def partition_columns(self) -> list[str]:
        """The columns that the files are divided by."""
        with self._lock:
            return list(self._opened.latest().metadata().partition_columns)

    def count(self, version: int | None = None) -> int:
        """Number of rows at a version (default: the newest), from the log alone."""
        with self._lock:
            return self._opened.at(version).count()

    def progress(self, app: str, version: int | None = None) -> int | None:
        """What the table states as the progress of an application id; None if nothing, or if there is no table."""
        with self._lock:
            return self._opened.progress(self._opened.at(version), app) if self._opened.exists() else None

    def append(
        self,
        data: pl.DataFrame | pa.Table,
        *,
        provenance: Provenance,
        advance: Mapping[str, tuple[int | None, int]] | None = None,
        partition_by: Sequence[str] = (),
        stats_columns: Sequence[str] | None = None,
        schema_mode: Literal["strict", "merge"] = "strict",
    ) -> Commit:
        """Add rows in one commit, exactly once as far as `advance` says what "once" is.

        Without rows and without `advance` it only makes the table exist.

        Args:
            data: The rows. Columns may stand in any order; types have to be the table's own.
            provenance: Kept in the commit.
            advance: By application id, the progress that the table has to state (None: nothing yet) and what it states
                afterwards; `(n, n)` demands n and leaves it. Committed with the rows, or not at all.
            partition_by: Partition columns, if the table does not exist yet.
            stats_columns: Columns whose minimum and maximum may stand in the log, which never forgets: leave out
                personal data. None keeps what is set (at first: Delta's default, the first 32 columns).
            schema_mode: `merge` adds columns that are new and fills those that are absent with nulls.

        Raises:
            SchemaMismatchError: Columns or types differ; nothing was written.
            ProgressConflictError: The table states another progress; nothing was written.
            UnavailableError: Disk full, storage out of reach, log damaged: nothing was written.
        """
        table = schemas.to_arrow(data)
        job = appending.Append(
            data=table,
            provenance=provenance,
            advance=dict(advance or {}),
            partition_by=partition_by,
            stats_columns=stats_columns,
            merge=schema_mode == "merge",
        )
        with self._lock:
            return Commit(self.name, appending.append(self._opened, job), table.num_rows)

    def replace(
        self,
        data: pl.DataFrame | pa.Table | pa.RecordBatchReader,
        *,
        provenance: Provenance,
        where: str | None = None,
        partition_by: Sequence[str] = (),
        schema_change: bool = False,
        schema_mode: Literal["strict", "merge"] = "strict",
    ) -> Commit:
        """Put rows in place of all others, or of those for which `where` holds, in one commit.

        Args:
            data: The rows; a reader is streamed.
            provenance: Kept in the commit.
            where: SQL condition, such as `day >= '2011-01-01' AND day <= '2011-01-31'`, that each row of `data` meets.
            partition_by: Partition columns, if the table does not exist yet or `schema_change` is set.
            schema_change: Let the table take over the columns of `data` (not together with `where`).
            schema_mode: `merge` adds columns that are new and fills those that are absent with nulls.

        Raises:
            SchemaMismatchError: Columns or types differ; nothing was written.
            InvalidInputError: A row of `data` does not meet `where`; nothing was written.
            WriteConflictError: Other writers changed the same rows; nothing was written.
            UnavailableError: Disk full, storage out of reach, log damaged: nothing was written.
        """
        rows = data if isinstance(data, pa.RecordBatchReader) else schemas.to_arrow(data)
        job = replacing.Replace(
            data=rows,
            provenance=provenance,
            where=where,
            partition_by=partition_by,
            schema_change=schema_change,
            merge=schema_mode == "merge",
        )
        with self._lock:
            version, written = replacing.replace(self._opened, job)
        return Commit(self.name, version, written)

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

    def note(self, provenance: Provenance) -> Commit:
        """A commit without rows, for its provenance: what the table holds is as if computed from these inputs.

        Raises:
            MissingTableError: The table does not exist.
            UnavailableError: Disk full, storage out of reach, log damaged: nothing was written.
        """
        with self._lock:
            return Commit(self.name, noting.note(self._opened, provenance), 0)

    def provenance(self, version: int | None = None) -> Provenance | None:
        """Where the rows of a version come from: the newest commit at or before it that says so."""
        with self._lock:
            latest = self._opened.latest()
            return history.newest_provenance(latest, latest.version() if version is None else version)

    def _needed(
        self, handle: DeltaTable, columns: Sequence[str] | None, where: Sequence[predicate.Condition]
    ) -> tuple[pl.DataFrame, pl.Schema, list[str]]:
        """The files that may hold such rows, the table's columns, and those that the files are divided by."""
        schema = schemas.to_polars(schemas.canonical(pa.schema(handle.schema().to_arrow())))
        predicate.check(self.name, columns or (), schema, where)
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

    def history(self, limit: int | None = None) -> list[HistoryEntry]:
        """Versions, newest first."""
        with self._lock:
            return history.entries(self._opened.latest(), limit)

    def commits(self, run_id: str) -> list[HistoryEntry]:
        """Versions that a run wrote, newest first."""
        found = self.history() if self.exists() else []
        return [entry for entry in found if entry.provenance is not None and entry.provenance.run_id == run_id]

    def maintain(self, small_files: int = 32, provenance: Provenance | None = None) -> Maintained:
        """Merge small files where at least `small_files` have come together; rows, progress and old versions stay."""
        with self._lock:
            return maintenance.maintain(self._opened, small_files, provenance)

    def checkpoint(self) -> None:
        """Write the table's state at the newest version into one file, so that opening it reads little."""
        with self._lock:
            self._opened.latest().create_checkpoint()
