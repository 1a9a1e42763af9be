"""Several sources followed at once, a thread each: an error of one stops that one, and the others go on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from mlinfra_assets.breakers.asking import frozen_message
from mlinfra_assets.errors import MlinfraError, UnavailableError
from mlinfra_assets.ingest.consumer import Consumed, SourceConsumer
from mlinfra_assets.lake.errors import LakeCorruptError
from mlinfra_assets.streams.errors import RetentionGapError, StreamResetError

FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds before trying again what is not available, doubled each time."""
HOPELESS = (LakeCorruptError, RetentionGapError, StreamResetError)
"""Errors that waiting does not cure."""


@dataclass(frozen=True)
class Interrupted:
    """A source waits for something that is not available, or its validation for another contract; told once.

    Attributes:
        source: Which.
        why: What it waits for.
    """

    source: str
    why: str


@dataclass(frozen=True)
class Resumed:
    """What a source waited for is there again.

    Attributes:
        source: Which.
    """

    source: str


@dataclass(frozen=True)
class Ended:
    """A source is followed no more.

    Attributes:
        source: Which.
        why: What is wrong and what to do; None: it was asked to stop, or has caught up.
        error: What happened, if it is nobody's message.
    """

    source: str
    why: str | None
    error: BaseException | None = None


Told = Consumed | Interrupted | Resumed | Ended
OpenConsumer = Callable[[], SourceConsumer]
"""Connects to the stream, and gives its consumer."""


class Consumers:
    """Follows sources until asked to stop.

    Args:
        open_consumer: By source: connects and gives its consumer.
        group: Name that the consumers share who divide a topic's partitions among them.
        until_caught_up: End with the streams' ends, and with what is not available.
        mark: Says of a source, for as long as it is followed, that it is.
    """

    def __init__(
        self,
        open_consumer: Mapping[str, OpenConsumer],
        group: str,
        *,
        until_caught_up: bool,
        mark: Callable[[str], AbstractContextManager[None]] = lambda _: nullcontext(),
    ) -> None:
        self._open = dict(open_consumer)
        self._group = group
        self._until_caught_up = until_caught_up
        self._mark = mark
        self._stop = threading.Event()
        self._told: queue.SimpleQueue[Told] = queue.SimpleQueue()

    def stop(self) -> None:
        """Ask for the end, from any thread or a signal's handler: batches that are begun are finished."""
        self._stop.set()

    def run(self, tick: float) -> Iterator[Told | None]:
        """What happens, as it happens, until no source is followed any more; None at least every `tick` seconds."""
        threads = [threading.Thread(target=self._run, args=(name,), name=f"consume-{name}") for name in self._open]
        for thread in threads:
            thread.start()
        following = set(self._open)
        try:
            while following:
                try:
                    told = self._told.get(timeout=tick)
                except queue.Empty:
                    yield None
                    continue
                if isinstance(told, Ended):
                    following.discard(told.source)
                yield told
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _run(self, name: str) -> None:
        try:
            with self._mark(name):
                why = self._until_stopped(name)
        except MlinfraError as error:
            self._told.put(Ended(name, str(error)))
        except BaseException as error:  # noqa: BLE001 - the thread's outermost place: whatever it is, it is told
            self._told.put(Ended(name, f"unexpected {type(error).__name__}: {error}", error=error))
        else:
            self._told.put(Ended(name, why))

    def _until_stopped(self, name: str) -> str | None:
        """Follow a source over failures that pass; why not all of it has come through although it has caught up."""
        stuck = waits = None
        wait, away = FIRST_WAIT, False
        while not self._stop.is_set():
            try:
                for batch in self._batches(self._open[name]()):
                    if batch.waits is None and (away or waits is not None):
                        self._told.put(Resumed(name))
                    elif batch.waits is not None and (away or batch.waits != waits):
                        self._told.put(Interrupted(name, f"raw goes on, validation does not: {batch.waits}"))
                    wait, away, waits = FIRST_WAIT, False, batch.waits
                    if not batch.empty:
                        self._told.put(batch)
                    stuck = _stuck(batch)
            except HOPELESS:
                raise
            except UnavailableError as error:
                if self._until_caught_up:
                    raise
                if not away:
                    self._told.put(Interrupted(name, str(error)))
                away = True
                self._stop.wait(wait)
                wait = min(wait * 2, LONGEST_WAIT)
            else:
                return stuck if self._until_caught_up else None
        return None

    def _batches(self, consumer: SourceConsumer) -> Iterator[Consumed]:
        if self._until_caught_up:
            return consumer.catch_up(self._stop)
        return consumer.follow(self._stop, self._group)


def _stuck(batch: Consumed) -> str | None:
    """Why what is in raw did not all come through; None: it did."""
    if batch.validated is None:
        return batch.waits
    return frozen_message([batch.validated.breaker]) if batch.validated.breaker.is_open else None
