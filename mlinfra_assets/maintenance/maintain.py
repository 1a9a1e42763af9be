"""Maintenance of tables: small files merged, the log checkpointed, files removed that no version needs any more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from mlinfra_assets import names
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.compaction import CHECKPOINT_EVERY
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.lake.upkeep import Upkeep
from mlinfra_assets.maintenance.pins import Pin, pins

AS_WRITTEN = (names.FEATURES,)
"""Zones whose files are left as they were written: it is on record which files hold a day, and what it rests on."""


@dataclass(frozen=True)
class TableReport:
    """What was done with a table, or would be.

    Attributes:
        table: Its name.
        before: How it stood.
        after: How it stands; the same as `before` on a dry run.
        merged: Small files that were merged, or would be.
        removed: Files that were removed, or would be: every version that named them is old, and nobody's.
        oldest_readable: This version and all later ones can be read afterwards, and those that are kept.
        pinned: The old versions that were kept, and for whom.
    """

    table: str
    before: Upkeep
    after: Upkeep
    merged: int
    removed: int
    oldest_readable: int
    pinned: tuple[Pin, ...]

    def to_dict(self) -> dict[str, object]:
        """A JSON-ready form."""
        return {
            "table": self.table,
            "files_before": self.before.files,
            "files_after": self.after.files,
            "bytes_before": self.before.bytes,
            "bytes_after": self.after.bytes,
            "merged": self.merged,
            "removed": self.removed,
            "version": self.after.version,
            "oldest_readable": self.oldest_readable,
            "log_entries": self.after.log_entries,
            "pinned": [{"version": pin.version, "why": pin.why} for pin in self.pinned],
        }


def maintain(
    lake: Lake,
    tables: Sequence[str],
    retention: timedelta,
    run_id: str,
    *,
    dry_run: bool = False,
    tell: Callable[[TableReport], None] = lambda _: None,
) -> list[TableReport]:
    """Maintain some tables, writers at work or not.

    Args:
        lake: Where they are.
        tables: Their names.
        retention: How long a version stays readable after another has replaced it.
        run_id: What the commits name.
        dry_run: Change nothing, and say what would be done.
        tell: Told of each table once it is done.

    Raises:
        InvalidInputError: There is no such table.
        UnavailableError: The storage cannot be reached; what was done before stays done.
    """
    known = lake.tables()
    unknown = [name for name in tables if name not in known]
    if unknown:
        raise InvalidInputError(f"there is no table {', '.join(unknown)}: the tables are {', '.join(known)}")
    needed = pins(lake)
    reports = []
    for name in tables:
        pinned = tuple(pin for pin in needed if pin.table == name)
        reports.append(_maintain(lake.table(name), retention, pinned, run_id, dry_run=dry_run))
        tell(reports[-1])
    return reports


def _maintain(
    table: LakeTable, retention: timedelta, pinned: tuple[Pin, ...], run_id: str, *, dry_run: bool
) -> TableReport:
    before = table.upkeep()
    as_written = table.name.partition("/")[0] in AS_WRITTEN
    merged = 0 if as_written else before.mergeable
    if not dry_run:
        merged = 0 if as_written else table.maintain(run_id=run_id).merged
    cleaned = table.clean_up(retention, {pin.version for pin in pinned}, run_id, dry_run=dry_run)
    if not dry_run:
        table.checkpoint(after=CHECKPOINT_EVERY)
    return TableReport(
        table=table.name,
        before=before,
        after=table.upkeep(),
        merged=merged,
        removed=len(cleaned.files),
        oldest_readable=cleaned.readable.oldest,
        pinned=tuple(pin for pin in pinned if pin.version < cleaned.readable.oldest),
    )
