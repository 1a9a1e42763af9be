"""A file of records that one process owns: the kernel drops its lock when the process dies, and another takes it up."""

from __future__ import annotations

import fcntl
import logging
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

from mlinfra_assets.streams.write_ahead.frames import Framed, frames
from mlinfra_assets.streams.write_ahead.sent import HEAD_BYTES, Sent

SUFFIX, DRAFT, DAMAGED = ".wal", ".new", ".damaged"
READ_BYTES = 4 << 20
_log = logging.getLogger(__name__)
_numbers = count()


class Segment:
    """A file. One thread writes, one reads; `create` and `adopt` make it.

    Attributes:
        path: Where it is.
        size: Up to which byte it is on the disk.
        records: How many it holds up to there.
        sent: What of it is in the stream.
        sent_records: How many of its records are in the stream.
        opened: When this process made or adopted it (monotonic seconds).
        touched: When something was last sent from it (monotonic seconds); of one that was adopted: when it was.
        sealed: Whether nothing more is written to it.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self._descriptor = descriptor
        self.size = HEAD_BYTES
        self.records = self.sent_records = 0
        self.sent = Sent()
        self.opened = self.touched = time.monotonic()
        self.sealed = False

    @classmethod
    def create(cls, folder: Path) -> Segment:
        """A new file, which nobody else sees before it is owned.

        Raises:
            OSError: It cannot be made.
        """
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / f"{time.time_ns():020d}-{os.getpid()}-{next(_numbers)}{SUFFIX}"
        draft = path.with_suffix(DRAFT)
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            _write_all(descriptor, Sent().to_bytes(), 0)
            os.fsync(descriptor)
            draft.rename(path)
            _sync(folder)
        except OSError:
            os.close(descriptor)
            draft.unlink(missing_ok=True)
            path.unlink(missing_ok=True)
            raise
        return cls(path, descriptor)

    @classmethod
    def adopt(cls, path: Path) -> Segment | None:
        """The file of a process that is gone; None if it has an owner, or is gone itself.

        A last record that was cut off was never confirmed to anybody. Of a file with a damaged record in its middle a
        copy is kept for a person to look at.

        Raises:
            OSError: It cannot be read.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            owned = path.stat().st_ino == os.fstat(descriptor).st_ino
        except (BlockingIOError, FileNotFoundError):
            owned = False
        if not owned:
            os.close(descriptor)
            return None
        found = cls(path, descriptor)
        found.sealed = True
        found.sent = Sent.from_bytes(os.pread(descriptor, HEAD_BYTES, 0))
        found._measure()
        return found

    def write(self, data: bytes, records: int) -> None:
        """Add records; they are on the disk when this returns. If it raises the file is sealed, and as it was.

        Raises:
            OSError: They could not be written.
        """
        try:
            _write_all(self._descriptor, data, self.size)
            os.fdatasync(self._descriptor)
        except OSError:
            # What a failed write or sync left behind is not to be trusted: nothing more goes into this file.
            self.sealed = True
            os.ftruncate(self._descriptor, self.size)
            raise
        self.size += len(data)
        self.records += records

    def unsent(self, most: int) -> list[Framed]:
        """The next records to send, at most `most`, each with where it ends in the file."""
        start = self.sent.upto
        data = os.pread(self._descriptor, min(READ_BYTES, self.size - start), start)
        return [_placed(frame, start) for frame, _ in zip(frames(data), range(most), strict=False)]

    def confirm(self, last: Framed, records: int, places: list[tuple[int, int]]) -> None:
        """Keep that the stream has the records up to one. Not synced: what is forgotten is sent again."""
        self.sent = self.sent.further(last.end, places)
        self.sent_records += records
        self.touched = time.monotonic()
        _write_all(self._descriptor, self.sent.to_bytes(), 0)

    def all(self) -> Iterator[Framed]:
        """All records, from the first."""
        start = HEAD_BYTES
        while start < self.size:
            found = [_placed(frame, start) for frame in frames(os.pread(self._descriptor, READ_BYTES, start))]
            found = [frame for frame in found if frame.end <= self.size]
            if not found:
                return
            yield from found
            start = found[-1].end

    @property
    def all_sent(self) -> bool:
        """Whether everything in it is in the stream."""
        return self.sent.upto >= self.size

    def remove(self) -> None:
        """Delete the file and let go of it."""
        self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go of the file: whoever comes next takes it up."""
        os.close(self._descriptor)

    def _measure(self) -> None:
        """Find out how much of a file that was adopted is whole."""
        length = os.fstat(self._descriptor).st_size
        self.size = max(length, HEAD_BYTES)
        whole = HEAD_BYTES
        damaged = 0
        for frame in self.all():
            damaged += frame.start != whole
            whole = frame.end
            self.records += 1
            self.sent_records += frame.end <= self.sent.upto
        if damaged:
            kept = self.path.with_suffix(DAMAGED)
            kept.write_bytes(self.path.read_bytes())
            _log.error("%s is damaged in %d places: records are lost there; %s is a copy", self.path, damaged, kept)
        if whole < length:
            _log.warning("%s ends in a record that was not written to its end: it is left out", self.path)
        self.size = whole
        if self.sent.upto > whole:
            self.sent, self.sent_records = Sent(), 0


def orphans(folder: Path, own: set[Path]) -> list[Path]:
    """The files in a folder that are not `own`, the oldest first."""
    return sorted(path for path in folder.glob(f"*{SUFFIX}") if path not in own) if folder.is_dir() else []


def _placed(frame: Framed, start: int) -> Framed:
    return replace(frame, start=start + frame.start, end=start + frame.end)


def _write_all(descriptor: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(descriptor, view, at)
        view, at = view[written:], at + written


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
