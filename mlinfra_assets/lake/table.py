"""One table of the lake: append exactly once, replace, read as of any version, say where a version comes from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from typing import Literal

import polars as pl
import pyarrow as pa

from mlinfra_assets.lake import appending, cleanup, compaction, evolving, history, merging, noting, replacing, upkeep
from mlinfra_assets.lake import schema as schemas
from mlinfra_assets.lake.cleanup import Cleanup
from mlinfra_assets.lake.commit import Commit
from mlinfra_assets.lake.compaction import SMALL_FILES, Maintained
from mlinfra_assets.lake.errors import ProgressConflictError, SchemaMismatchError
from mlinfra_assets.lake.history import HistoryEntry
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.reading import ReadableTable
from mlinfra_assets.lake.upkeep import Upkeep

__all__ = ["Commit", "HistoryEntry", "LakeTable", "Maintained", "ProgressConflictError", "SchemaMismatchError"]


class LakeTable(ReadableTable):
    """A Delta table by name. It need not exist yet: the first write makes it.

    One object may be used by several threads; writers in other threads, processes and machines are allowed for.

    Attributes:
        name: Its name, which is the asset key joined by slashes.
        uri: Folder or `s3://` address.
    """

    def progress(self, app: str, version: int | None = None) -> int | None:
        """What the table states as the progress of an application id; None if nothing, or if there is no table."""
        with self._lock:
            return self._opened.progress(self._opened.at(version), app) if self._opened.exists() else None

    def append(
        self,
        data: pl.DataFrame | pa.Table | pa.RecordBatchReader,
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
            data: The rows; a reader is streamed. Columns may stand in any order; types have to be the table's own.
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
        job = appending.Append(
            data=data if isinstance(data, pa.RecordBatchReader) else schemas.to_arrow(data),
            provenance=provenance,
            advance=dict(advance or {}),
            partition_by=partition_by,
            stats_columns=stats_columns,
            merge=schema_mode == "merge",
        )
        with self._lock:
            version, written = appending.append(self._opened, job)
        return Commit(self.name, version, written)

    def evolve(
        self,
        columns: pl.Schema,
        *,
        provenance: Provenance,
        advance: Mapping[str, tuple[int | None, int]] | None = None,
    ) -> int | None:
        """Add the columns that the table does not have, and widen those whose type is wider here, in one commit.

        An integer becomes a float64 or a decimal, a decimal gets more digits after the point; a column that is wider
        in the table stays. Rows, progress and old versions stay as they are; appends may go on at the same time.

        Args:
            columns: Name to type.
            provenance: Kept in the commit.
            advance: As in `append`: the progress that the table must state.

        Returns:
            The version that has the columns; None if the table had them already.

        Raises:
            SchemaMismatchError: Neither type of a column widens to the other; nothing was written.
            InvalidInputError: A value does not fit into the wider type; nothing was written.
            ProgressConflictError: The table states another progress; nothing was written.
        """
        job = evolving.Evolve(columns, provenance, dict(advance or {}), lambda version: self.batches(version=version))
        with self._lock:
            return evolving.evolve(self._opened, job)

    def lacks(self, columns: pl.Schema) -> bool:
        """Whether `evolve` would change the table.

        Raises:
            SchemaMismatchError: Neither type of a column widens to the other.
        """
        there = schemas.to_polars(self.schema())
        return evolving.evolved(self.name, there, columns) != there

    def widened(self, rows: pl.DataFrame) -> pl.DataFrame:
        """Rows with each column in the table's type, where that is wider.

        Raises:
            InvalidInputError: A value does not fit into the wider type.
        """
        return evolving.widened(self.name, rows, schemas.to_polars(self.schema()))

    def replace(
        self,
        data: pl.DataFrame | pa.Table | pa.RecordBatchReader,
        *,
        provenance: Provenance,
        where: str | None = None,
        partition_by: Sequence[str] = (),
        stats_columns: Sequence[str] | None = None,
        schema_change: bool = False,
        schema_mode: Literal["strict", "merge"] = "strict",
    ) -> Commit:
        """Put rows in place of all others, or of those for which `where` holds, in one commit.

        Args:
            data: The rows; a reader is streamed.
            provenance: Kept in the commit.
            where: SQL condition, such as `day >= '2011-01-01' AND day <= '2011-01-31'`, that each row of `data` meets.
            partition_by: Partition columns, if the table does not exist yet or `schema_change` is set.
            stats_columns: As for `append`.
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
            stats_columns=stats_columns,
            schema_change=schema_change,
            merge=schema_mode == "merge",
        )
        with self._lock:
            version, written = replacing.replace(self._opened, job)
        return Commit(self.name, version, written)

    def merge(
        self,
        data: pl.DataFrame | pa.Table,
        *,
        keys: Sequence[str],
        deleted: str,
        order: str,
        provenance: Provenance,
        advance: Mapping[str, tuple[int | None, int]],
    ) -> Commit:
        """Let rows take the place of those with the same key, or take them away, in one commit.

        Args:
            data: The rows, at most one a key; columns that are new are added, those that are absent become null.
            keys: Columns whose values name a row; they hold no null.
            deleted: Boolean column: where it is true the row of this key goes, and none comes.
            order: Column that tells an older row from a newer one: an older row changes nothing.
            provenance: Kept in the commit.
            advance: By application id, the progress that the table has to state (None: nothing yet) and what it states
                afterwards. Committed with the rows, or not at all.

        Raises:
            SchemaMismatchError: Types differ; nothing was written.
            ProgressConflictError: The table states another progress; nothing was written.
            UnavailableError: Disk full, storage out of reach, log damaged: nothing was written.
        """
        table = schemas.to_arrow(data)
        job = merging.Merge(table, keys, deleted, order, provenance, dict(advance))
        with self._lock:
            return Commit(self.name, merging.merge(self._opened, job), table.num_rows)

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

    def history(self, limit: int | None = None) -> list[HistoryEntry]:
        """Versions, newest first."""
        with self._lock:
            return history.entries(self._opened.latest(), limit)

    def commits(self, run_id: str) -> list[HistoryEntry]:
        """Versions that a run wrote, newest first."""
        found = self.history() if self.exists() else []
        return [entry for entry in found if entry.provenance is not None and entry.provenance.run_id == run_id]

    def maintain(self, small_files: int = SMALL_FILES, run_id: str = "") -> Maintained:
        """Merge small files where at least `small_files` have come together; rows, progress and old versions stay."""
        with self._lock:
            return compaction.compact(self._opened, small_files, run_id)

    def checkpoint(self, after: int = 0) -> None:
        """Write the table's state at the newest version into one file, so that opening it reads little.

        Args:
            after: Only if more than so many commits lie past the newest such file.
        """
        with self._lock:
            compaction.checkpoint(self._opened, after)

    def clean_up(
        self, retention: timedelta, keep: Collection[int] = (), run_id: str = "", *, dry_run: bool = False
    ) -> Cleanup:
        """Remove files that only versions name that were replaced before the retention; see `cleanup.clean_up`."""
        with self._lock:
            return cleanup.clean_up(self._opened, retention, keep, run_id, dry_run=dry_run)

    def upkeep(self) -> Upkeep:
        """What there is to maintain."""
        with self._lock:
            return upkeep.upkeep(self._opened)
