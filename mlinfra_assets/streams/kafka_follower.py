"""Waiting for a Kafka topic's next records, as a member of a group that divides the partitions among its members."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from confluent_kafka import Consumer, KafkaException, TopicPartition

from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.kafka_config import UNKNOWN_TOPIC, client_config, explained, reachable

SESSION_MS = 15_000
"""The partitions of a member that is gone fall to others after so long."""
WATCH = {
    # It only watches: what it fetches is read again by the reader, so that little is fetched ahead.
    "queued.min.messages": 1,
    "queued.max.messages.kbytes": 64,
    "fetch.message.max.bytes": 16 * 1024,
    "fetch.wait.max.ms": 500,
    # So often it looks for added partitions.
    "topic.metadata.refresh.interval.ms": 10_000,
    "max.poll.interval.ms": 3_600_000,
    "session.timeout.ms": SESSION_MS,
    "heartbeat.interval.ms": 3_000,
    "partition.assignment.strategy": "range",
}


class KafkaFollower:
    """One consumer's eye on a topic. Which partitions are its own changes while it waits, and only then.

    Where it stands is given with every wait, by the table; the group's own positions are a hint for tools that show
    lag.

    Args:
        settings: Which brokers, and how to log in.
        topic: What to follow.
        group: Name of the group.
    """

    def __init__(self, settings: Settings, topic: str, group: str) -> None:
        self._servers = settings.kafka_servers
        self._topic = topic
        self._own: set[int] = set()
        self._stands: dict[int, int] = {}
        self._after: Mapping[int, int] = {}
        config = {
            **client_config(settings),
            **WATCH,
            "group.id": group,
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "isolation.level": "read_committed",
        }
        with reachable(self._servers):
            self._consumer = Consumer(config)
            self._consumer.subscribe([topic], on_assign=self._assigned, on_revoke=self._revoked)

    def wait(self, after: Mapping[int, int], seconds: float) -> bool:
        """Whether there are records past `after` in its own partitions, waiting for one. See `Follower.wait`.

        Raises:
            UnavailableError: Kafka cannot be reached, or refuses.
        """
        self._after = dict(after)
        with reachable(self._servers):
            for partition in self._own:
                if self._stands.get(partition) != self._next(partition):
                    self._consumer.seek(self._at(partition))
                    self._stands[partition] = self._next(partition)
            message = self._consumer.poll(seconds)
        if message is None:
            return False
        error = message.error()
        if error is not None:
            if error.code() in UNKNOWN_TOPIC or error.retriable():
                return False  # how the topic stands is asked by whoever reads it
            raise explained(error, self._servers)
        partition, offset = int(message.partition() or 0), int(message.offset() or 0)
        self._stands.pop(partition, None)  # it has moved on, and goes back to what the table says
        return offset >= self._next(partition)

    def partitions(self) -> frozenset[int]:
        """The partitions that are its own; none until the group has let it in."""
        return frozenset(self._own)

    def held(self, positions: Mapping[int, int]) -> None:
        """Commit the positions of its own partitions to the group, without waiting for an answer."""
        hint = [TopicPartition(self._topic, p, positions[p] + 1) for p in sorted(self._own) if p in positions]
        if hint:
            with suppress(KafkaException):  # a hint: the table holds the truth
                self._consumer.commit(offsets=hint, asynchronous=True)

    def close(self) -> None:
        """Leave the group: its partitions fall to others at once."""
        self._consumer.close()

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
        return TopicPartition(self._topic, partition, self._next(partition))
