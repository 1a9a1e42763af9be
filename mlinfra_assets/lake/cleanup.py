"""Removing the files that no version needs any more: those that were replaced long ago, and those that never counted.

A file goes when every version that names it is older than the retention and is not kept for somebody who reads it. The
log itself is kept whole: which version was computed from what stays known.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import unquote

from deltalake import CommitProperties, DeltaTable

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake import object_store
from mlinfra_assets.lake.compaction import MAINTAINED_BY
from mlinfra_assets.lake.errors import explained
from mlinfra_assets.lake.opened import OpenedTable
from mlinfra_assets.lake.readable import KEPT, OLDEST, Readable, at, back

TOMBSTONES = "delta.deletedFileRetentionDuration"
"""How long a checkpoint remembers when a file was replaced; at least as long as the file itself is kept."""
SLACK = timedelta(minutes=10)
"""A file may have been marked as replaced so long before the commit that says so."""


@dataclass(frozen=True)
class Cleanup:
    """What a cleanup removed, or would remove.

    Attributes:
        files: Paths of the files, below the table.
        readable: The versions that can be read afterwards.
    """

    files: tuple[str, ...]
    readable: Readable


def clean_up(
    opened: OpenedTable, retention: timedelta, keep: Collection[int], run_id: str, *, dry_run: bool
) -> Cleanup:
    """Remove the files that only versions name that were replaced before the retention.

    Args:
        opened: The table.
        retention: In whole hours; how long a version stays readable after another has replaced it.
        keep: Versions that stay readable however old they are.
        run_id: What the commit names.
        dry_run: Remove nothing.

    Raises:
        InvalidInputError: The retention is below zero.
    """
    hours = int(retention.total_seconds() // 3600)
    if hours < 0:
        raise InvalidInputError(f"files cannot be kept for {hours} hours")
    handle, known = opened.latest(), opened.readable()
    found = _standing(handle, known, datetime.now(UTC) - timedelta(hours=hours), keep)
    with explained(opened.name, opened.uri):
        if not dry_run:
            _remember_removals(opened, handle, hours)
        files = _present(opened, _vacuum(handle, hours, found, run_id, dry_run=True))
        if files and not dry_run:
            before = handle.version()
            _vacuum(handle, hours, found, run_id, dry_run=False)
            opened.confirm(before, handle.version())
    return Cleanup(files, found if files else known)


def _present(opened: OpenedTable, named: Sequence[str]) -> tuple[str, ...]:
    """The files that are there, of those that Delta names: by path below the table or by whole path, gone or not."""
    paths = {path.removeprefix(f"{opened.uri}/") for path in named}
    if opened.folder is not None:
        return tuple(sorted(path for path in paths if (opened.folder / unquote(path)).exists()))
    return tuple(sorted(paths & object_store.files_below(opened.uri, opened.options))) if paths else ()


def _standing(handle: DeltaTable, known: Readable, cutoff: datetime, keep: Collection[int]) -> Readable:
    """What can be read after a cleanup: the version that was the newest at the cutoff, and all after it."""
    early = cutoff + SLACK
    entries = back(handle, known.oldest - 1)
    oldest = next((int(entry["version"]) for entry in entries if at(entry) <= early), known.oldest)
    return Readable(oldest, frozenset(v for v in keep if v < oldest and known.holds(v)), datetime.now(UTC))


def _remember_removals(opened: OpenedTable, handle: DeltaTable, hours: int) -> None:
    interval = f"interval {hours + 24 * 7} hours"
    if handle.metadata().configuration.get(TOMBSTONES) != interval:
        before = handle.version()
        handle.alter.set_table_properties({TOMBSTONES: interval})
        opened.confirm(before, handle.version())


def _vacuum(handle: DeltaTable, hours: int, found: Readable, run_id: str, *, dry_run: bool) -> list[str]:
    metadata = {
        MAINTAINED_BY: run_id,
        OLDEST: str(found.oldest),
        KEPT: ",".join(str(version) for version in sorted(found.kept)),
    }
    return handle.vacuum(
        hours,
        dry_run=dry_run,
        enforce_retention_duration=False,  # checkpoints remember removals for longer than the files are kept
        full=True,  # also what a writer that was killed has left, once it is older than the retention
        keep_versions=sorted(found.kept) or None,
        commit_properties=CommitProperties(custom_metadata=metadata),
    )
