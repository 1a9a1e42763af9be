"""Keeping a table quick to open and to read, whatever it says: small files merged, the log checkpointed."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError

from mlinfra_assets.lake import schema as schemas
from mlinfra_assets.lake.committing import writer
from mlinfra_assets.lake.errors import explained
from mlinfra_assets.lake.opened import OpenedTable

SMALL = 16 * 1024 * 1024
SMALL_FILES = 32
"""So many small files of a partition, or of a table without partitions, are worth merging."""
CHECKPOINT_EVERY = 20
"""So many commits may lie past the newest checkpoint."""
MAINTAINED_BY = "mlinfra.maintained_by"
"""What a commit of maintenance names its run by: it is no provenance, which is that of the rows."""


@dataclass(frozen=True)
class Maintained:
    """What maintenance did.

    Attributes:
        merged: Files that were merged.
        into: Files that they became.
        version: The table's version afterwards.
    """

    merged: int
    into: int
    version: int


def mergeable(handle: DeltaTable, small_files: int) -> int:
    """Small files that lie in a partition with at least `small_files` of them."""
    actions = pl.DataFrame(pa.table(handle.get_add_actions(flatten=True)))
    parts = [f"partition.{column}" for column in handle.metadata().partition_columns]
    small = actions.filter(pl.col("size_bytes") < SMALL)
    counts = small.group_by(parts).len() if parts else small.select(pl.len())
    return int(counts.filter(pl.col("len") >= max(small_files, 2))["len"].sum())


def compact(opened: OpenedTable, small_files: int, run_id: str) -> Maintained:
    """Merge small files where there are enough of them, then write a checkpoint.

    A merge that another writer gets in the way of is left for the next time: it changes no rows.
    """
    handle = opened.latest()
    before = handle.version()
    if not mergeable(handle, small_files):
        return Maintained(0, 0, before)
    with explained(opened.name, opened.uri):
        try:
            columns = schemas.canonical(pa.schema(handle.schema().to_arrow()))
            merged = handle.optimize.compact(
                writer_properties=writer(columns),
                commit_properties=CommitProperties(custom_metadata={MAINTAINED_BY: run_id}),
            )
        except CommitFailedError:
            opened.drop()
            return Maintained(0, 0, before)
        opened.confirm(before, handle.version())
        handle.create_checkpoint()
    return Maintained(int(merged["numFilesRemoved"]), int(merged["numFilesAdded"]), handle.version())


def checkpoint(opened: OpenedTable, after: int = CHECKPOINT_EVERY) -> None:
    """Write the table's state into one file if more than `after` commits lie past the newest such file."""
    handle = opened.latest()
    behind = uncheckpointed(opened)
    if behind is None or behind > after:
        with explained(opened.name, opened.uri):
            handle.create_checkpoint()


def uncheckpointed(opened: OpenedTable) -> int | None:
    """Commits past the newest checkpoint: what is read one by one to open the table; None if that is not known."""
    last = opened.last_checkpoint()
    return None if last is None else opened.latest().version() - last
