"""Several sources fed at once, a thread each: an error of one stops that one, and the others go on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from mlinfra_assets.errors import MlinfraError, UnavailableError
from mlinfra_assets.live.feed import Fed, SourceFeed, Turned
from mlinfra_assets.streams.errors import RetentionGapError, StreamResetError

FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0
"""Seconds before trying again what is not available, doubled each time."""
HOPELESS = (RetentionGapError, StreamResetError)
"""Errors of a whole stream that waiting does not cure."""


@dataclass(frozen=True)
class Interrupted:
    """A source's feed waits for something that is not available; told once.

    Attributes:
        source: Which.
        why: What is not available.
    """

    source: str
    why: str


@dataclass(frozen=True)
class Ended:
    """A source is followed no more.

    Attributes:
        source: Which.
        why: What is wrong and what to do; None: it was asked to stop, or has caught up.
        waiting: Views that did not follow their stream at the end, with why.
        error: What happened, if it is nobody's message.
    """

    source: str
    why: str | None
    waiting: Mapping[str, str]
    error: BaseException | None = None


Told = Fed | Turned | Interrupted | Ended
OpenFeed = Callable[[], SourceFeed]
"""Connects to Redis and the stream, and gives a source's feed."""


class Feeds:
    """Feeds sources until asked to stop.

    Args:
        open_feed: By source: connects and gives its feed.
        group: Name that the updaters share who divide a topic's partitions among them.
        until_caught_up: End with the streams' ends, and with what is not available.
    """

    def __init__(self, open_feed: Mapping[str, OpenFeed], group: str, *, until_caught_up: bool) -> None:
        self._open = dict(open_feed)
        self._group = group
        self._until_caught_up = until_caught_up
        self._stop = threading.Event()
        self._told: queue.SimpleQueue[Told] = queue.SimpleQueue()

    def stop(self) -> None:
        """Ask for the end, from any thread or a signal's handler: chunks that are begun are finished."""
        self._stop.set()

    def run(self) -> Iterator[Told]:
        """What happens, as it happens, until no source is followed any more."""
        threads = [threading.Thread(target=self._run, args=(name,), name=f"live-{name}") for name in self._open]
        for thread in threads:
            thread.start()
        following = set(self._open)
        try:
            while following:
                told = self._told.get()
                if isinstance(told, Ended):
                    following.discard(told.source)
                yield told
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _run(self, name: str) -> None:
        waiting: dict[str, str] = {}
        try:
            self._until_stopped(name, waiting)
        except MlinfraError as error:
            self._told.put(Ended(name, str(error), waiting))
        except BaseException as error:  # noqa: BLE001 - the thread's outermost place: whatever it is, it is told
            self._told.put(Ended(name, f"unexpected {type(error).__name__}: {error}", waiting, error=error))
        else:
            self._told.put(Ended(name, None, waiting))

    def _until_stopped(self, name: str, waiting: dict[str, str]) -> None:
        """Feed a source over failures that pass; leaves in `waiting` what does not follow at the end."""
        wait, interrupted = FIRST_WAIT, False
        while not self._stop.is_set():
            try:
                feed = self._open[name]()
                for told in feed.follow(self._stop, self._group, until_caught_up=self._until_caught_up):
                    wait, interrupted = FIRST_WAIT, False
                    waiting.clear()
                    waiting.update(feed.waiting)
                    self._told.put(told)
                waiting.clear()
                waiting.update(feed.waiting)
            except HOPELESS:
                raise
            except UnavailableError as error:
                if self._until_caught_up:
                    raise
                if not interrupted:
                    self._told.put(Interrupted(name, str(error)))
                interrupted = True
                self._stop.wait(wait)
                wait = min(wait * 2, LONGEST_WAIT)
            else:
                return
