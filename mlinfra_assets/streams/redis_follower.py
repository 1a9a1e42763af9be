"""Waiting for a Redis stream's next entries: a read that the server answers as soon as there is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import redis

from mlinfra_assets.redis_server import reachable
from mlinfra_assets.streams.entry_id import from_offset


class RedisFollower:
    """One consumer's eye on a stream of a Redis server. A stream is one partition: each consumer follows all of it.

    Args:
        client: A connection of its own: it is blocked while it waits.
        key: The stream.
        partition: The number of its one partition.
    """

    def __init__(self, client: redis.Redis, key: str, partition: int) -> None:
        # The commands' declared return types cover the asynchronous client as well.
        self._client: Any = client
        self._key = key
        self._partition = partition

    def wait(self, after: Mapping[int, int], seconds: float) -> bool:
        """Whether there are entries past `after`, waiting for one at most so long. See `Follower.wait`.

        Raises:
            UnavailableError: Redis is gone.
        """
        last = after.get(self._partition)
        start = b"0-0" if last is None else from_offset(last)
        millis = round(seconds * 1000) or None
        with reachable(self._client):
            return bool(self._client.xread({self._key: start}, count=1, block=millis))

    def partitions(self) -> None:
        """All: which of several consumers lands a record is settled by the table."""
        return

    def held(self, positions: Mapping[int, int]) -> None:
        """Nothing to tell: Redis keeps no positions of ours."""

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()
