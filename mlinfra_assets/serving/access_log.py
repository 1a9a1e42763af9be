"""The access log: one line of JSON a request; never a value, never a key."""

from __future__ import annotations

import fcntl
import os
import sys
import weakref
from pathlib import Path

import orjson

from mlinfra_assets.settings import Settings

STDOUT, NONE = "-", "none"
LOOK_EVERY = 256
MODE = 0o640


class AccessLog:
    """Appends lines to a file, from one thread. Several processes may share the file.

    A file that was moved away is made anew. Past its size it is put aside as `<file>.1`. What cannot be written is
    counted: a full disk stops no request.

    Args:
        settings: `api_access_log` and `api_access_log_bytes`.
    """

    def __init__(self, settings: Settings) -> None:
        named = settings.api_access_log
        self._file = Path(named) if named else settings.home / "logs" / "access.jsonl"
        self._stdout = named == STDOUT
        self._off = named == NONE
        self._most = settings.api_access_log_bytes
        self._held: int | None = None
        self._close: weakref.finalize | None = None
        self._lines = 0
        self.lost = 0

    def write(self, line: dict[str, object]) -> None:
        """Append one line."""
        if self._off:
            return
        try:
            os.write(self._opened(), orjson.dumps(line) + b"\n")
        except OSError:
            self.lost += 1

    def _opened(self) -> int:
        if self._stdout:
            return sys.stdout.fileno()
        self._lines += 1
        if self._held is not None and self._lines % LOOK_EVERY == 0:
            self._look(self._held)
        if self._held is None:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._held = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, MODE)
            self._close = weakref.finalize(self, os.close, self._held)
        return self._held

    def _look(self, held: int) -> None:
        """Let go of a file that is full, having put it aside, or that is not the one of this name any more."""
        with self._file.with_name(f"{self._file.name}.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            ours = os.fstat(held)
            same = self._file.exists() and self._file.stat().st_ino == ours.st_ino
            if same and ours.st_size < self._most:
                return
            if same:
                self._file.replace(self._file.with_name(f"{self._file.name}.1"))
        if self._close is not None:
            self._close()
        self._held = None
