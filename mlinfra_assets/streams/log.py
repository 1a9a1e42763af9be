"""The one interface to a stream, whatever system is behind it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from mlinfra_assets.streams.follower import Follower
from mlinfra_assets.streams.record import NewRecord, StreamRecord


class StreamLog(Protocol):
    """Topics of records, each in partitions, each in the order of its offsets."""

    def append(self, topic: str, records: Sequence[NewRecord], at: datetime | None = None) -> list[tuple[int, int]]:
        """Append records; returns the (partition, offset) of each.

        Args:
            topic: Where to.
            records: What.
            at: The moment to append at on a simulated clock, time-zone aware; None: the server's own time. A time
                before that of the last record counts as that record's.
        """
        ...

    def append_at(self, topic: str, records: Iterable[tuple[datetime, NewRecord]]) -> int:
        """Append many records, each at its own moment, in non-decreasing order of time; returns how many."""
        ...

    def end(self, topic: str) -> dict[int, int]:
        """Last offset by partition, of those partitions that ever held a record."""
        ...

    def first(self, topic: str) -> dict[int, int]:
        """First offset that is still there, by partition."""
        ...

    def read(
        self, topic: str, after: Mapping[int, int], upto: Mapping[int, int], max_records: int, max_bytes: int
    ) -> Iterator[list[StreamRecord]]:
        """The records past `after` up to and including `upto`, in order, in batches of bounded size.

        A partition that `after` lacks is read from its start; one that `upto` lacks is not read.

        Raises:
            RetentionGapError: Records past `after` are gone.
            StreamResetError: The stream ends before `after`.
        """
        ...

    def trim(self, topic: str, upto: Mapping[int, int]) -> int:
        """Remove the records up to and including `upto`; returns how many."""
        ...

    def follow(self, topic: str, group: str) -> Follower:
        """An eye on a topic for a consumer that stays.

        Args:
            topic: Which.
            group: Name that the consumers share who divide the topic's partitions among them.
        """
        ...

    def behind(self, topic: str, after: Mapping[int, int], most: int) -> int:
        """How many records lie past `after`, counted up to about `most`."""
        ...
