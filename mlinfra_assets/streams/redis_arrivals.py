"""A Redis stream's entries as they arrive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import polars as pl

from mlinfra_assets.streams.arrivals import Arrived
from mlinfra_assets.streams.records import RECORDS

if TYPE_CHECKING:
    from mlinfra_assets.streams.redis_log import RedisLog

MOST_BYTES = 16 * 1024 * 1024
LAST = 2**63 - 1


class RedisArrivals:
    """One reader's place at a stream of a Redis server. A stream is one partition, which each reader reads whole.

    Args:
        log: The stream, on a connection that nobody else waits on.
        topic: Which.
        partition: The number of its one partition.
    """

    def __init__(self, log: RedisLog, topic: str, partition: int) -> None:
        self._log = log
        self._topic = topic
        self._partition = partition
        self._follower = log.follow(topic, "")

    def next(self, after: Mapping[int, int], most: int, seconds: float) -> Arrived:
        """The next entries. See `Arrivals.next`.

        Raises:
            RetentionGapError: Records past `after` are gone.
            StreamResetError: The stream ends before `after`.
            UnavailableError: Redis is gone.
        """
        nothing = Arrived(pl.DataFrame(schema=RECORDS), {})
        if not self._follower.wait(after, seconds):
            return nothing
        found = next(self._log.read(self._topic, after, {self._partition: LAST}, most, MOST_BYTES), None)
        if found is None:
            return nothing
        return Arrived(found, {self._partition: int(found["offset"][-1])})

    def partitions(self) -> None:
        """All: which of several readers applies a record is settled by what it is applied to."""
        return

    def close(self) -> None:
        """Give the connection back."""
        self._follower.close()
