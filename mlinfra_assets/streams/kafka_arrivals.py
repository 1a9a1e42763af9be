"""A Kafka topic's records as they arrive, at a member of a group that divides the partitions among its members."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.arrivals import Arrived
from mlinfra_assets.streams.errors import StreamResetError
from mlinfra_assets.streams.kafka_config import LOGIN_ERRORS, UNKNOWN_TOPIC, client_config, explained, reachable
from mlinfra_assets.streams.kafka_reader import to_frame
from mlinfra_assets.streams.records import RECORDS

if TYPE_CHECKING:
    from mlinfra_assets.streams.kafka_topics import KafkaTopics

CHECK_SECONDS = 10.0
"""So often it is asked whether the topic is still the one that it was."""
LIMITS = {
    "queued.max.messages.kbytes": 16 * 1024,
    "fetch.message.max.bytes": 1024 * 1024,
    "fetch.wait.max.ms": 100,
    "fetch.queue.backoff.ms": 5,
    "receive.message.max.bytes": 1_000_000_000,
    "topic.metadata.refresh.interval.ms": 10_000,
    "max.poll.interval.ms": 3_600_000,
    "session.timeout.ms": 15_000,
    "heartbeat.interval.ms": 3_000,
    "partition.assignment.strategy": "range",
}


class KafkaArrivals:
    """One reader's place at a topic. Which partitions are its own changes while it waits, and only then.

    Args:
        settings: Which brokers, and how to log in.
        topics: How topics stand.
        topic: Which.
        group: Name of the group.
    """

    def __init__(self, settings: Settings, topics: KafkaTopics, topic: str, group: str) -> None:
        self._servers = settings.kafka_servers
        self._topics = topics
        self._topic = topic
        self._incarnation = topics.incarnation(topic)
        self._checked = time.monotonic()
        self._own: set[int] = set()
        self._stands: dict[int, int] = {}
        self._after: Mapping[int, int] = {}
        config = {
            **client_config(settings),
            **LIMITS,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
        with reachable(self._servers):
            self._consumer = Consumer(config)
            self._consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked)

    def next(self, after: Mapping[int, int], most: int, seconds: float) -> Arrived:
        """The next records. See `Arrivals.next`.

        Raises:
            RetentionGapError: Records past `after` are gone.
            StreamResetError: The topic ends before `after`, or was deleted and made again.
            UnavailableError: Kafka cannot be reached, or refuses.
        """
        self._after = dict(after)
        self._refuse_another()
        with reachable(self._servers):
            for partition in self._own:
                if self._stands.get(partition) != self._next(partition):
                    self._consumer.seek(self._at(partition))
                    self._stands[partition] = self._next(partition)
            first = self._consumer.poll(seconds)
            messages = [] if first is None else [first, *self._consumer.consume(most - 1, 0.0)]
        ended = {}
        for message in (m for m in messages if m.error() is not None):
            ended |= self._end(message)
        found = [m for m in messages if m.error() is None]
        partitions = np.fromiter(map(Message.partition, found), np.int32, len(found))
        offsets = np.fromiter(map(Message.offset, found), np.int64, len(found))
        # What was fetched before a seek may still come: it is read again in its place.
        own = np.zeros(len(found), bool)
        reached: dict[int, int] = {}
        for i, (partition, offset) in enumerate(zip(partitions.tolist(), offsets.tolist(), strict=True)):
            if partition in self._own and offset >= self._stands[partition]:
                own[i] = True
                self._stands[partition] = offset + 1
                reached[partition] = offset
        for partition, end in ended.items():
            if partition in self._own and end > self._stands[partition]:
                self._stands[partition] = end
                reached[partition] = end - 1
        kept = [m for m, mine in zip(found, own.tolist(), strict=True) if mine]
        records = to_frame(kept, partitions[own], offsets[own]) if kept else pl.DataFrame(schema=RECORDS)
        return Arrived(records, reached)

    def partitions(self) -> frozenset[int]:
        """The partitions that are its own; none until the group has let it in."""
        return frozenset(self._own)

    def close(self) -> None:
        """Leave the group: its partitions fall to others at once."""
        self._consumer.close()

    def _refuse_another(self) -> None:
        if time.monotonic() - self._checked < CHECK_SECONDS:
            return
        found = self._topics.incarnation(self._topic)
        if found != self._incarnation:
            raise StreamResetError(
                f"the topic {self._topic} was deleted and made again while it was read: its id was "
                f"{self._incarnation} and is {found}"
            )
        self._checked = time.monotonic()

    def _end(self, message: Message) -> dict[int, int]:
        """The end of a partition, if the message says that; stops for an error that waiting does not mend."""
        error = message.error()
        assert error is not None  # noqa: S101 - the caller chose by this very thing
        code = error.code()
        if code == KafkaError._PARTITION_EOF:  # noqa: SLF001 - the client's own errors have such names
            return {int(message.partition() or 0): int(message.offset() or 0)}
        if code in {KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE}:  # noqa: SLF001
            self._topics.state(self._topic).refuse_misfit(self._after, self._incarnation)
            raise UnavailableError(f"Kafka did not find where to read {self._topic} on ({error.str()})")
        if code in UNKNOWN_TOPIC:
            raise StreamResetError(f"the topic {self._topic} at Kafka {self._servers} went away while it was read")
        if code in LOGIN_ERRORS or error.fatal():
            raise explained(error, self._servers)
        return {}

    def _assigned(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        self._own = {p.partition for p in partitions}
        self._stands = {p: self._next(p) for p in self._own}
        consumer.assign([self._at(p) for p in sorted(self._own)])

    def _revoked(self, consumer: Consumer, _partitions: list[TopicPartition]) -> None:
        self._own, self._stands = set(), {}
        consumer.unassign()

    def _next(self, partition: int) -> int:
        return self._after.get(partition, -1) + 1

    def _at(self, partition: int) -> TopicPartition:
        # Who holds nothing at all begins where the topic does.
        return TopicPartition(self._topic, partition, self._next(partition) if self._after else OFFSET_BEGINNING)
