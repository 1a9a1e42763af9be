"""Whether a table in a local folder survived the last power cut, and how a commit is made to survive the next.

Delta's writer does not wait for the disk. So after each commit this module does: data files, log file and folder are
forced to the disk, and only then the commit counts as confirmed (its number stands in `_confirmed` beside the log).
What is read before it is trusted is checked against that: an empty or cut commit file would otherwise read as an
empty commit, or hide all that came later. On object stores a commit is durable when it is there; nothing is done.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from urllib.parse import unquote

from mlinfra_assets.lake.errors import LakeCorruptError

CONFIRMED = "_confirmed"
DIGITS = 20


def log_file(folder: Path, version: int) -> Path:
    """The commit file of a version."""
    return folder / "_delta_log" / f"{version:020d}.json"


def confirm(folder: Path, first: int, last: int) -> None:
    """Force the commits from `first` to `last` to the disk, and remember that they are there."""
    for version in range(first, last + 1):
        path = log_file(folder, version)
        if not path.exists():
            continue
        for added in _added_files(folder, path):
            with suppress(FileNotFoundError):  # compacted and removed by another process since
                _to_disk(added)
        _to_disk(path)
    _to_disk(folder / "_delta_log")
    # The number only sharpens the message about a damaged table: a full disk must not turn a made commit into an error.
    with suppress(OSError):
        _raise_confirmed(folder, last)


def confirmed(folder: Path) -> int | None:
    """The last version that is known to have reached the disk; None if that is not known."""
    try:
        return int((folder / CONFIRMED).read_text())
    except (FileNotFoundError, ValueError):
        return None


def verify(table: str, folder: Path, known: int | None, version: int, after: int = -1) -> None:
    """Check the commit files in (`after`, `version`], and that what was confirmed is there.

    Args:
        table: The table's name, for the message.
        folder: Where it is.
        known: What `confirmed` said before the log was read.
        version: The newest version that the log showed.
        after: The newest version that was checked before.

    Raises:
        LakeCorruptError: Names the damaged files and how to repair.
    """
    for number in range(max(after + 1, last_checkpoint(folder) + 1), version + 1):
        path = log_file(folder, number)
        if path.exists() and path.stat().st_size == 0:
            raise _damaged(table, path, number, known)
    if known is not None and version < known:
        raise LakeCorruptError(
            f"table {table} at {folder} ends at version {version}, but version {known} had reached the disk: commits "
            "were lost or files removed; restore the table's folder from a copy. Do not write to it before: positions "
            "would be read again"
        )


def is_newest(folder: Path, version: int) -> bool:
    """Whether no commit follows a version: told from three files, however many the log has."""
    here, following = log_file(folder, version).exists(), log_file(folder, version + 1).exists()
    return here and not following and last_checkpoint(folder) <= version


def diagnose(table: str, folder: Path, cause: str) -> LakeCorruptError | None:
    """Why a table cannot be opened, if damaged log files are the reason."""
    known = confirmed(folder)
    commits = sorted((folder / "_delta_log").glob("*.json"))
    for path in commits:
        if not _is_commit(path):
            return _damaged(table, path, int(path.stem), known)
    for path in (folder / "_delta_log").glob("*.checkpoint.parquet"):
        if not _is_parquet(path) and commits and int(commits[0].stem) == 0:
            return LakeCorruptError(
                f"table {table}: the checkpoint {path} is cut or empty ({cause}); all commits are there: delete it and "
                f"{path.with_name('_last_checkpoint')}, and nothing is lost"
            )
    return None


def damaged_data(table: str, folder: Path, sizes: Mapping[str, int]) -> LakeCorruptError | None:
    """The data files, of those with these sizes by path, that are missing or have another size."""
    wrong = []
    for path, size in sizes.items():
        file = folder / path
        found = file.stat().st_size if file.exists() else None
        if found != size:
            wrong.append(f"{file} ({'missing' if found is None else f'{found} bytes'}, committed with {size})")
    if not wrong:
        return None
    more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    return LakeCorruptError(
        f"table {table}: data files are damaged: {'; '.join(wrong[:3])}{more}; restore them from a copy of {folder}"
    )


def _damaged(table: str, path: Path, number: int, known: int | None) -> LakeCorruptError:
    what = f"table {table}: the commit file {path} is cut or empty, as after a power cut"
    later = [p for p in path.parent.glob("*.json") if p.stem.isdigit() and int(p.stem) > number]
    if known is not None and number > known and not later:
        return LakeCorruptError(
            f"{what}; this commit was never confirmed to anyone: delete that file and run again, and nothing is lost"
        )
    return LakeCorruptError(
        f"{what}; it held rows that were confirmed or that others followed: restore the table's folder from a copy. "
        "Do not write to it before"
    )


def _is_commit(path: Path) -> bool:
    try:
        lines = _lines(path)
        return bool(lines) and all(isinstance(json.loads(line), dict) for line in lines)
    except ValueError:
        return False


def _is_parquet(path: Path) -> bool:
    data = path.read_bytes()
    return len(data) > 12 and data[:4] == b"PAR1" and data[-4:] == b"PAR1"


def last_checkpoint(folder: Path) -> int:
    """Version of the newest checkpoint; -1 if there is none."""
    try:
        return int(json.loads((folder / "_delta_log" / "_last_checkpoint").read_text())["version"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return -1


def _added_files(folder: Path, commit: Path) -> list[Path]:
    actions = (json.loads(line) for line in _lines(commit) if b'"add"' in line)
    return [folder / unquote(action["add"]["path"]) for action in actions if "add" in action]


def _lines(commit: Path) -> list[bytes]:
    """A commit's actions. Only a line feed ends a line: other separators may stand inside of a statistic."""
    return [line for line in commit.read_bytes().split(b"\n") if line.strip()]


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _raise_confirmed(folder: Path, version: int) -> None:
    """Put the number up to `version`, never down: writers of several processes meet here."""
    descriptor = os.open(folder / CONFIRMED, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        text = os.pread(descriptor, DIGITS, 0)
        if not text.isdigit() or int(text) < version:
            os.pwrite(descriptor, f"{version:0{DIGITS}d}".encode(), 0)
    finally:
        os.close(descriptor)
