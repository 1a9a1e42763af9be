"""Writes records to the disk: those of many threads together, with one sync."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.streams.write_ahead.segment import Segment

SEGMENT_BYTES = 16 << 20


@dataclass
class _Waiting:
    data: bytes
    records: int
    done: bool = False
    error: OSError | None = None


class Writer:
    """Adds records to files of a folder.

    Args:
        folder: Where the files are.
        opened: Is told of each new file, before anything is in it.
    """

    def __init__(self, folder: Path, opened: Callable[[Segment], None]) -> None:
        self._folder = folder
        self._opened = opened
        self._segment: Segment | None = None
        self._queue: list[_Waiting] = []
        self._queued = threading.Lock()
        self._writing = threading.Lock()

    def write(self, framed: Sequence[bytes]) -> None:
        """Add records. Whoever comes to write first takes along what waits; all are on the disk when this returns.

        Raises:
            UnavailableError: They cannot be written; none of them counts as written.
        """
        mine = _Waiting(b"".join(framed), len(framed))
        with self._queued:
            self._queue.append(mine)
        with self._writing:
            if not mine.done:
                with self._queued:
                    together, self._queue = self._queue, []
                self._write(together)
        if mine.error is not None:
            raise UnavailableError(
                f"records cannot be kept in {self._folder} ({mine.error.strerror or mine.error}): nothing was "
                "answered; make room there, or make it writable"
            ) from mine.error

    def seal(self, segment: Segment | None = None) -> None:
        """Write no more to a file; to none that is open, unless one is named."""
        with self._writing:
            if self._segment is not None and segment in {None, self._segment}:
                self._segment.sealed = True
                self._segment = None

    def _write(self, together: Sequence[_Waiting]) -> None:
        try:
            segment = self._open()
            segment.write(b"".join(one.data for one in together), sum(one.records for one in together))
        except OSError as error:
            self._segment = None
            for one in together:
                one.error = error
        for one in together:
            one.done = True

    def _open(self) -> Segment:
        if self._segment is not None and self._segment.size >= SEGMENT_BYTES:
            self._segment.sealed = True
            self._segment = None
        if self._segment is None:
            self._segment = Segment.create(self._folder)
            self._opened(self._segment)
        return self._segment
