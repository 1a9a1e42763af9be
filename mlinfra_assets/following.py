"""Who follows a source on this machine: a lock that the kernel drops with the consumer, however it ends."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlinfra_assets.errors import UnavailableError

FOLDER = "consumers"


@contextmanager
def following(home: Path, source: str) -> Iterator[None]:
    """Say that this process follows a source; several may.

    Raises:
        UnavailableError: The home cannot be written.
    """
    file = _file(home, source)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = file.open("a")
    except OSError as error:
        raise UnavailableError(
            f"{file} cannot be written: {error.strerror or error}; make the home writable"
        ) from error
    with lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def is_followed(home: Path, source: str) -> bool:
    """Whether a process on this machine follows a source."""
    try:
        with _file(home, source).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _file(home: Path, source: str) -> Path:
    return home / FOLDER / f"{source}.lock"
