"""The one interface to a stream, whatever system is behind it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Protocol

import polars as pl

from mlinfra_assets.streams.arrivals import Arrivals
from mlinfra_assets.streams.follower import Follower
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.topic_state import TopicState


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

    def state(self, topic: str) -> TopicState:
        """How a topic stands."""
        ...

    def end(self, topic: str) -> dict[int, int]:
        """Last offset by partition, of those partitions that ever held a record."""
        ...

    def read(
        self, topic: str, after: Mapping[int, int], upto: Mapping[int, int], max_records: int, max_bytes: int
    ) -> Iterator[pl.DataFrame]:
        """The records past `after` up to and including `upto`, in frames of bounded size.

        The frames have the columns of `records.RECORDS`, at least one row, and each partition in order. When there are
        no more, everything up to `upto` has been handed out; the last offsets need not hold a record. A
        partition that `after` lacks is read from its start; one that `upto` lacks is not read.

        Raises:
            RetentionGapError: Records past `after` are gone.
            StreamResetError: The stream ends before `after`, or was replaced while it was read.
            UnavailableError: It cannot be reached.
        """
        ...

    def follow(self, topic: str, group: str) -> Follower:
        """An eye on a topic for a consumer that stays.

        Args:
            topic: Which.
            group: Name that the consumers share who divide the topic's partitions among them.
        """
        ...

    def arrivals(self, topic: str, group: str) -> Arrivals:
        """A place at a topic for a reader that stays and takes records as they arrive.

        Args:
            topic: Which.
            group: Name that the readers share who divide the topic's partitions among them.
        """
        ...

    def behind(self, topic: str, after: Mapping[int, int], most: int) -> int:
        """How many records lie past `after`, counted up to about `most`."""
        ...
