"""Redis Streams as a stream log: one partition a topic, entry ids as offsets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import polars as pl
import redis

from mlinfra_assets.clock import to_micros
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.redis_server import reachable
from mlinfra_assets.streams import entry, scripts
from mlinfra_assets.streams.entry_id import first_offset, from_offset, to_offset
from mlinfra_assets.streams.errors import RetentionGapError
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.records import batches, sizes
from mlinfra_assets.streams.redis_arrivals import RedisArrivals
from mlinfra_assets.streams.redis_follower import RedisFollower
from mlinfra_assets.streams.topic_state import TopicState
from mlinfra_assets.streams.uncollected import uncollected

PREFIX = "mlinfra:stream:"
PARTITION = 0
BATCH = 500
BATCH_BYTES = 8 * 1024 * 1024
FIRST_LOOK = 64
LOOK = 5_000
LOOK_BYTES = 16 * 1024 * 1024


class RedisLog:
    """The topics of a Redis server.

    A topic `t` is the stream `mlinfra:stream:t`; what was trimmed from it stands in `mlinfra:stream:t:trimmed`. Trim
    through this class only: Redis itself does not say what an XTRIM took from a reader.
    Appending is at least once: after a lost connection the records may or may not be there.
    """

    def __init__(self, client: redis.Redis) -> None:
        # The commands' declared return types cover the asynchronous client as well.
        self._client: Any = client
        self._append = client.register_script(scripts.APPEND)
        self._look = client.register_script(scripts.PORTION)
        self._trim = client.register_script(scripts.TRIM)
        self._behind = client.register_script(scripts.BEHIND)

    def append(self, topic: str, records: Sequence[NewRecord], at: datetime | None = None) -> list[tuple[int, int]]:
        """Append records; returns the (partition, offset) of each. See `StreamLog.append`.

        Raises:
            UnavailableError: Redis is gone or full.
            InvalidInputError: `at` has no zone.
        """
        ids: list[bytes] = []
        for batch in _batches((at, record) for record in records):
            with reachable(self._client):
                ids += self._append(keys=[PREFIX + topic], args=batch)
        return [(PARTITION, to_offset(entry_id)) for entry_id in ids]

    def append_at(self, topic: str, records: Iterable[tuple[datetime, NewRecord]]) -> int:
        """Append many records, each at its own moment, in non-decreasing order of time; returns how many.

        Raises:
            UnavailableError: Redis is gone or full; a first part of the records may be there.
            InvalidInputError: Times go back or have no zone; what came before is appended.
        """
        appended = 0
        for batch in _batches(_in_order(records)):
            with reachable(self._client):
                appended += len(self._append(keys=[PREFIX + topic], args=batch))
        return appended

    def end(self, topic: str) -> dict[int, int]:
        """Last offset by partition; empty if the topic never held a record. Trimmed records count."""
        info = self._info(topic)
        last = to_offset(info["last-generated-id"]) if info else 0
        return {PARTITION: last} if last else {}

    def state(self, topic: str) -> TopicState:
        """How a topic stands. Redis does not tell a stream from another of the same name."""
        _, gone = self._portion(topic, b"-", b"+", 1)
        return TopicState(topic, None, {PARTITION: gone + 1}, self.end(topic))

    def read(
        self, topic: str, after: Mapping[int, int], upto: Mapping[int, int], max_records: int, max_bytes: int
    ) -> Iterator[pl.DataFrame]:
        """The records past `after` up to and including `upto`, in frames. See `StreamLog.read`.

        Raises:
            RetentionGapError: Records past `after` are gone.
            StreamResetError: The stream ends before `after`.
            UnavailableError: Redis is gone.
        """
        last = upto.get(PARTITION)
        if last is None:
            return
        self.state(topic).refuse_misfit(after, None)
        portions = self._portions(topic, after.get(PARTITION, -1), last, max_records)
        yield from batches(portions, max_records, max_bytes)

    def trim(self, topic: str, upto: Mapping[int, int], before: datetime | None = None) -> int:
        """Remove the records up to and including `upto`, only those appended before `before`; returns how many."""
        last = upto.get(PARTITION)
        if last is None:
            return 0
        if before is not None:
            last = min(last, first_offset(before) - 1)
        if last < 0:
            return 0
        keys = [PREFIX + topic, f"{PREFIX}{topic}:trimmed"]
        with reachable(self._client):
            return int(self._trim(keys=keys, args=[from_offset(last), from_offset(last + 1)]))

    def follow(self, topic: str, group: str) -> RedisFollower:  # noqa: ARG002 - a stream is one partition
        """An eye on a topic, on the log's own connections. See `StreamLog.follow`."""
        return RedisFollower(self._client, PREFIX + topic, PARTITION)

    def arrivals(self, topic: str, group: str) -> RedisArrivals:  # noqa: ARG002 - a stream is one partition
        """A place at a topic, on the log's own connections. See `StreamLog.arrivals`."""
        return RedisArrivals(self, topic, PARTITION)

    def behind(self, topic: str, after: Mapping[int, int], most: int) -> int:
        """Entries past `after`, at most `most`.

        Raises:
            UnavailableError: Redis is gone.
        """
        start = after.get(PARTITION)
        with reachable(self._client):
            return int(self._behind(keys=[PREFIX + topic], args=[b"-" if start is None else from_offset(start), most]))

    def _portions(self, topic: str, position: int, last: int, most: int) -> Iterator[pl.DataFrame]:
        """Records, fetched in portions whose size follows that of the records seen.

        None crosses a multiple of `most` records: who ends there has not fetched what comes after it.
        """
        look, room = FIRST_LOOK, most
        while position < last:
            start = b"(" + from_offset(position) if position >= 0 else b"-"
            asked = min(look, room)
            with uncollected():
                found, gone = self._portion(topic, start, from_offset(last), asked)
                portion = entry.to_frame(found) if found else None
                del found
            if gone > position:
                raise RetentionGapError(topic, PARTITION, position + 1, gone, None)
            if portion is None:
                return
            position = int(portion["offset"][-1])
            yield portion
            if portion.height < asked:
                return
            look = max(1, min(LOOK, LOOK_BYTES * asked // max(int(sizes(portion).sum()), 1)))
            room = room - asked or most

    def _portion(self, topic: str, start: bytes, last: bytes, count: int) -> tuple[list, int]:
        """Entries from `start` on, and the last offset that was ever removed (-1: none), seen at one moment."""
        keys = [PREFIX + topic, f"{PREFIX}{topic}:trimmed"]
        with reachable(self._client):
            trimmed, deleted, found = self._look(keys=keys, args=[start, last, count])
        gone = max(to_offset(i) for i in (trimmed or b"0-0", deleted or b"0-0"))
        return found, gone or -1

    def _info(self, topic: str) -> dict[str, Any]:
        with reachable(self._client):
            try:
                return self._client.xinfo_stream(PREFIX + topic)
            except redis.ResponseError as error:
                if "no such key" in str(error):
                    return {}
                raise


def _in_order(records: Iterable[tuple[datetime, NewRecord]]) -> Iterator[tuple[datetime, NewRecord]]:
    last: datetime | None = None
    for at, record in records:
        if last is not None and at < last:
            raise InvalidInputError(f"records to append go back in time: {at.isoformat()} after {last.isoformat()}")
        last = at
        yield at, record


def _batches(records: Iterable[tuple[datetime | None, NewRecord]]) -> Iterator[list[bytes | int]]:
    """Arguments of the append script, for a bounded number of records and bytes each. No time: the server's."""
    iterator = iter(records)
    while portion := list(islice(iterator, BATCH)):
        arguments: list[bytes | int] = []
        held = 0
        for at, record in portion:
            fields = entry.to_fields(record)
            millis = b"*" if at is None else max(to_micros(at) // 1000, 0)
            arguments += [millis, len(fields), *fields]
            held += sum(map(len, fields))
            if held >= BATCH_BYTES:
                yield arguments
                arguments, held = [], 0
        if arguments:
            yield arguments
