"""A stream that takes records even if it cannot be reached: they are on a disk first, then where they belong."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.fault_points import reach
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.write_ahead.drain import SETTLE_SECONDS, send, settled
from mlinfra_assets.streams.write_ahead.frames import to_frame
from mlinfra_assets.streams.write_ahead.segment import Segment, orphans
from mlinfra_assets.streams.write_ahead.writer import Writer

RETRY_SECONDS = 0.5
LOOK_SECONDS = 2.0
LOOK_AGAIN_SECONDS = 0.002
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Waiting:
    """What is on the disk and not in the stream yet.

    Attributes:
        records: How many records.
        bytes: What they take.
    """

    records: int
    bytes: int


class WriteAheadLog:
    """Appends to one topic by way of files, which survive a `kill -9`, a power cut and a stream that is away.

    Several processes may use one folder: each owns its files, and takes up those of processes that are gone. May be
    used by many threads.

    Args:
        stream: Where the records belong.
        topic: Which topic.
        folder: Where the files are.
        max_bytes: How much may wait; past it nothing more is taken.
    """

    def __init__(self, stream: StreamLog, topic: str, folder: Path, max_bytes: int) -> None:
        self._stream, self._topic, self._folder, self._max_bytes = stream, topic, folder, max_bytes
        self._segments: list[Segment] = []
        self._guard, self._starting = threading.Lock(), threading.Lock()
        self._writer = Writer(folder, self._add)
        self._news, self._stopping = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._refusal: InvalidInputError | None = None
        self._away = self._closed = False

    def append(self, records: Sequence[NewRecord], at: datetime | None = None) -> None:
        """Take records, each with a key of its own. They are on the disk when this returns.

        Args:
            records: What.
            at: The moment to append at on a simulated clock; None: the stream's own time.

        Raises:
            UnavailableError: The disk does not take them, or too much waits already. None of them is taken.
            InvalidInputError: A record is too large, or the stream takes none of its kind.
        """
        if self._refusal is not None:
            raise InvalidInputError(str(self._refusal))
        framed = [to_frame(record.key or b"", record.value or b"", at) for record in records]
        held = self.waiting()
        if held.bytes + sum(map(len, framed)) > self._max_bytes:
            raise UnavailableError(
                f"{held.records:,} records for {self._topic} wait in {self._folder} for the stream, which does not "
                "take them: nothing more is answered until it does; start it, or raise MLINFRA_WRITE_AHEAD_MAX_BYTES"
            )
        if self._closed:
            raise UnavailableError(f"nothing more is taken for {self._topic}: the process is ending")
        self.start()
        self._writer.write(framed)
        reach("predictions.after_write")
        self._news.set()

    def waiting(self) -> Waiting:
        """What this process holds that the stream has not acknowledged."""
        with self._guard:
            open_ = [one for one in self._segments if not one.all_sent]
        return Waiting(
            sum(one.records - one.sent_records for one in open_), sum(one.size - one.sent.upto for one in open_)
        )

    def start(self) -> None:
        """Begin to bring into the stream what is there, also of processes that are gone. Repeating changes nothing.

        Raises:
            UnavailableError: The folder cannot be read.
        """
        with self._starting:
            if self._thread is None:
                try:
                    self._adopt()
                except OSError as error:
                    raise UnavailableError(f"{self._folder} cannot be read: {error.strerror or error}") from error
                self._stopping.clear()
                self._closed = False
                self._thread = threading.Thread(target=self._run, name="write-ahead", daemon=True)
                self._thread.start()

    def settle(self, seconds: float) -> bool:
        """Wait until the stream has everything; False if it does not within that time."""
        deadline = time.monotonic() + seconds
        while self.waiting().records:
            if time.monotonic() > deadline:
                return False
            time.sleep(LOOK_AGAIN_SECONDS)
        return True

    def close(self, seconds: float = 10.0) -> None:
        """Bring in what is there, as far as the stream takes it within some seconds, and let go of the files.

        What is left is taken up by the next process. Nothing more is taken until `start`.
        """
        self._closed = True
        if self._thread is None:
            return
        self.settle(0.0 if self._away else seconds)
        self._stopping.set()
        self._news.set()
        self._thread.join()
        self._writer.seal()
        with self._guard:
            segments, self._segments, self._thread = self._segments, [], None
        for segment in segments:
            if segment.records:
                segment.close()
            else:
                segment.remove()

    def _add(self, segment: Segment) -> None:
        with self._guard:
            self._segments.append(segment)

    def _run(self) -> None:
        while True:
            self._news.clear()
            if self._stopping.is_set():
                return
            try:
                self._adopt()
                self._drain()
                self._refusal = None
                self._back()
            except Exception as error:  # noqa: BLE001 - whatever it is: the records wait, and are tried again
                self._refusal = error if isinstance(error, InvalidInputError) else None
                self._gone(error)
                self._stopping.wait(RETRY_SECONDS)
                continue
            self._news.wait(LOOK_SECONDS)

    def _adopt(self) -> None:
        """Take up the files of processes that are gone."""
        with self._guard:
            own = {segment.path for segment in self._segments}
        for path in orphans(self._folder, own):
            found = Segment.adopt(path)
            if found is not None:
                self._add(found)

    def _drain(self) -> None:
        with self._guard:
            segments = sorted(self._segments, key=lambda one: one.path.name)
        for segment in segments:
            while not self._stopping.is_set() and send(self._stream, self._topic, segment):
                reach("predictions.after_stream")
        for segment in segments:
            if segment.all_sent and segment.records and time.monotonic() - segment.opened > SETTLE_SECONDS:
                self._writer.seal(segment)
            if settled(self._stream, self._topic, segment):
                with self._guard:
                    self._segments.remove(segment)
                segment.remove()

    def _gone(self, error: Exception) -> None:
        if not self._away:
            _log.warning("%s: records wait in %s: %s", self._topic, self._folder, error)
        self._away = True

    def _back(self) -> None:
        if self._away:
            _log.warning("%s: everything that waited in %s is in the stream", self._topic, self._folder)
        self._away = False
