"""What there is to maintain of a table: how many files and log entries stand between it and a reader."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl
import pyarrow as pa

from mlinfra_assets.lake.compaction import SMALL_FILES, mergeable, uncheckpointed
from mlinfra_assets.lake.opened import OpenedTable


@dataclass(frozen=True)
class Upkeep:
    """A table as maintenance sees it.

    Attributes:
        files: Files of the newest version.
        bytes: Their size.
        mergeable: Of them, small ones that a merge would take.
        version: The newest version.
        oldest_readable: It and all later versions can be read.
        kept: Older versions that can be read as well.
        log_entries: Commits past the newest checkpoint; None if that is not known.
    """

    files: int
    bytes: int
    mergeable: int
    version: int
    oldest_readable: int
    kept: tuple[int, ...]
    log_entries: int | None


def upkeep(opened: OpenedTable) -> Upkeep:
    """How a table stands."""
    handle = opened.latest()
    sizes = pl.DataFrame(pa.table(handle.get_add_actions(flatten=True)))["size_bytes"]
    readable = opened.readable()
    return Upkeep(
        files=len(sizes),
        bytes=int(sizes.sum()),
        mergeable=mergeable(handle, SMALL_FILES),
        version=handle.version(),
        oldest_readable=readable.oldest,
        kept=tuple(sorted(readable.kept)),
        log_entries=uncheckpointed(opened),
    )
