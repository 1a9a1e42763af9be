"""Waiting for a topic's next records, without asking again and again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class Follower(Protocol):
    """One consumer's eye on one topic. Used by one thread."""

    def wait(self, after: Mapping[int, int], seconds: float) -> bool:
        """Wait until there are records past `after` in one of its partitions, for at most so many seconds.

        Args:
            after: Last offset held, by partition; a partition that it lacks is waited on from its start.
            seconds: At most; 0 looks once.

        Returns:
            Whether there are any.

        Raises:
            UnavailableError: The stream's system is gone.
        """
        ...

    def partitions(self) -> frozenset[int] | None:
        """The partitions that fall to this consumer at present; None: all there are."""
        ...

    def held(self, positions: Mapping[int, int]) -> None:
        """Tell the stream's own tools how far the tables have come. A hint: nothing is resumed from it."""
        ...

    def close(self) -> None:
        """Let go of the topic; the partitions fall to others."""
        ...
