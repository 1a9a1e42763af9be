"""Batches on their way into raw: the next one lands while the one before it goes through the contract."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from mlinfra_assets.ingest.raw import Landed

Partitions = frozenset[int] | None


class Landings:
    """Lands a batch whenever one is asked for, and begins the next by itself where the stream goes on.

    At most one batch is ahead. Used by one thread; the landing is done by another.

    Args:
        land: Brings a batch of these partitions (None: all) into raw.
        full: Records of a batch that is followed by the next at once.
    """

    def __init__(self, land: Callable[[Partitions], Landed], full: int) -> None:
        self._land = land
        self._full = full
        self._thread = ThreadPoolExecutor(1, "landing")
        self._begun: Future[Landed] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()  # what is begun is finished: raw holds it, and whoever comes next finds it there

    @property
    def begun(self) -> bool:
        """Whether a batch is on its way that nobody has asked for yet."""
        return self._begun is not None

    def next(self, partitions: Partitions, *, go_on: bool) -> Landed:
        """The next batch, in raw.

        Args:
            partitions: Which to read from now on.
            go_on: Whether to begin the batch after it, if this one is full.
        """
        begun = self._begun or self._thread.submit(self._land, partitions)
        self._begun = None
        landed = begun.result()
        if go_on and landed.records >= self._full:
            self._begun = self._thread.submit(self._land, partitions)
        return landed
