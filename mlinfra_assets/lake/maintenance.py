"""Keeping a table quick to open and to read, without touching what it says."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties
from deltalake.exceptions import CommitFailedError

from mlinfra_assets.lake.committing import WRITER
from mlinfra_assets.lake.errors import explained
from mlinfra_assets.lake.opened import OpenedTable
from mlinfra_assets.lake.provenance import Provenance

SMALL = 16 * 1024 * 1024


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


def maintain(opened: OpenedTable, small_files: int, provenance: Provenance | None) -> Maintained:
    """Merge small files if there are enough of them, then write a checkpoint.

    A merge that another writer gets in the way of is left for the next time: it changes no rows.
    """
    handle = opened.latest()
    sizes = pl.DataFrame(pa.table(handle.get_add_actions(flatten=True)))["size_bytes"]
    before = handle.version()
    if int((sizes < SMALL).sum()) < small_files:
        return Maintained(0, 0, before)
    metadata = None if provenance is None else dict(provenance.to_metadata())
    with explained(opened.name, opened.uri):
        try:
            merged = handle.optimize.compact(
                writer_properties=WRITER, commit_properties=CommitProperties(custom_metadata=metadata)
            )
        except CommitFailedError:
            opened.drop()
            return Maintained(0, 0, before)
        opened.confirm(before, handle.version())
        handle.create_checkpoint()
    return Maintained(int(merged["numFilesRemoved"]), int(merged["numFilesAdded"]), handle.version())
