"""The home folder: made, recognized, and held by one long-running command at a time.

Its `home.json` states the format of what lies in it. A home of another format is never touched.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path

from mlinfra_assets.clock import CLOCK_FILE, SystemClock
from mlinfra_assets.errors import InvalidInputError, UnavailableError

FORMAT = 1
FILE = "home.json"
LOCK = "in-use.lock"
KEYS = ("api-keys.json", ".api-keys.json.lock")
FOLDERS = (
    *("lake", "redis", "dagster", "landing", "logs", "demo", "workspaces", "consumers"),
    *("write-ahead", "training-sets"),
)
OURS = {*FOLDERS, CLOCK_FILE, FILE, LOCK, *KEYS}
"""What may lie in a home that was begun without this command, by Dagster's own."""


@dataclass(frozen=True)
class Home:
    """A home folder.

    Attributes:
        folder: Where it is.
        format: Format of what lies in it.
        created_at: When it was made, ISO with zone.
        history_start: First day of snapshots if its data begins on another day than the setting says, ISO.
    """

    folder: Path
    format: int
    created_at: str
    history_start: str | None = None

    @property
    def logs(self) -> Path:
        """Folder for the logs of commands and services."""
        return self.folder / "logs"

    def with_history_start(self, day: date) -> Home:
        """Remember the first day of this home's data."""
        home = replace(self, history_start=day.isoformat())
        if home != self:
            _write(home)
        return home


def open_home(folder: Path) -> Home:
    """Open a home, or make one where there is nothing.

    Raises:
        InvalidInputError: The folder holds something else, or a home of another format.
        UnavailableError: It cannot be made or written.
    """
    found = inspect_home(folder)
    if found is not None:
        return found
    try:
        folder.mkdir(parents=True, exist_ok=True)
        home = Home(folder, FORMAT, SystemClock().now().isoformat(timespec="seconds"))
        _write(home)
    except OSError as error:
        raise UnavailableError(
            f"{folder} cannot be used as home: {error.strerror or error}; name another with --home DIR"
        ) from error
    return home


def inspect_home(folder: Path) -> Home | None:
    """The home in a folder; None if there is none yet. Writes nothing.

    Raises:
        InvalidInputError: As for `open_home`.
        UnavailableError: It cannot be read.
    """
    file = folder / FILE
    try:
        if folder.exists() and not folder.is_dir():
            raise InvalidInputError(f"{folder} is not a folder: name another home with --home DIR")
        if not file.exists():
            _refuse_foreign(folder)
            return None
        data = json.loads(file.read_text())
        home = Home(folder, int(data["format"]), str(data["created_at"]), data.get("history_start"))
    except OSError as error:
        raise UnavailableError(f"{folder} cannot be read: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(f"{file} is damaged: restore it, or name another home with --home DIR") from error
    _refuse_other_format(home)
    return home


def begun(folder: Path) -> bool:
    """Whether something of ours lies in a folder, with or without its `home.json`."""
    return any((folder / name).exists() for name in OURS)


@contextmanager
def hold(home: Home, purpose: str) -> Iterator[None]:
    """Keep other long-running commands off this home; the kernel lets go of it if the process dies.

    Raises:
        UnavailableError: Another command holds it; the message says which. Or it cannot be written.
    """
    try:
        opened = (home.folder / LOCK).open("a+")
    except OSError as error:
        raise UnavailableError(
            f"{home.folder} cannot be written: {error.strerror or error}; make it writable, or name another home with "
            "--home DIR"
        ) from error
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            lock.seek(0)
            holder = lock.read().strip() or "another command"
            raise UnavailableError(
                f"{home.folder} is in use by {holder}: stop it first, or name another home with --home DIR"
            ) from error
        lock.truncate(0)
        lock.write(f"`{purpose}` (process {os.getpid()})")
        lock.flush()
        try:
            yield
        finally:
            lock.truncate(0)


def _refuse_foreign(folder: Path) -> None:
    foreign = sorted(p.name for p in folder.iterdir() if p.name not in OURS) if folder.exists() else []
    if foreign:
        raise InvalidInputError(
            f"{folder} holds other things ({', '.join(foreign[:3])}) and is no home of mlinfra: "
            "name an empty or new folder with --home DIR"
        )


def _refuse_other_format(home: Home) -> None:
    if home.format == FORMAT:
        return
    age = "an older" if home.format < FORMAT else "a newer"
    cure = "the version that made it" if home.format < FORMAT else "a newer version of mlinfra"
    raise InvalidInputError(
        f"{home.folder} was made by {age} version (format {home.format}; this version reads format {FORMAT}). "
        f"Nothing in it was changed. Use {cure}, or begin a new home with --home DIR"
    )


def _write(home: Home) -> None:
    data = {key: value for key, value in asdict(home).items() if key != "folder" and value is not None}
    draft = home.folder / f".{FILE}.{os.getpid()}"
    draft.write_text(json.dumps(data, indent=1) + "\n")
    draft.replace(home.folder / FILE)
