"""A topic's records as they arrive, for a reader that stays and has no time to ask how the topic stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import polars as pl


@dataclass(frozen=True)
class Arrived:
    """What one wait brought.

    Attributes:
        records: Columns of `records.RECORDS`, each partition in order; perhaps none.
        reached: By partition, the last offset handed out or known to hold no record, of those that moved.
    """

    records: pl.DataFrame
    reached: Mapping[int, int]


class Arrivals(Protocol):
    """One reader's place at one topic. Used by one thread."""

    def next(self, after: Mapping[int, int], most: int, seconds: float) -> Arrived:
        """The next records past `after` in the partitions that are its own, as soon as there are any.

        Args:
            after: Last offset held, by partition; a partition that it lacks is read from its start.
            most: So many records at most.
            seconds: How long to wait for the first.

        Raises:
            RetentionGapError: Records past `after` are gone.
            StreamResetError: The topic ends before `after`.
            UnavailableError: It cannot be reached.
        """
        ...

    def partitions(self) -> frozenset[int] | None:
        """The partitions that fall to this reader at present; None: all there are."""
        ...

    def close(self) -> None:
        """Let go of the topic; the partitions fall to others."""
        ...
