"""Topics of a test's own on a real Kafka, and producers that do what the platform's own does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

from confluent_kafka import KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.kafka_log import KafkaLog


class OwnTopic:
    """A topic with a name of its own.

    Attributes:
        log: The log that it is in.
        name: Its name.
    """

    def __init__(self, servers: str, log: KafkaLog, partitions: int = 1, **config: str) -> None:
        self.log = log
        self.name = f"test-{uuid4().hex[:12]}"
        self._servers = servers
        self._admin = AdminClient({"bootstrap.servers": servers})
        self.create(partitions, **config)

    def create(self, partitions: int = 1, **config: str) -> None:
        """Make it, or make it again; `config` with underscores for dots."""
        self.log.topics.create(self.name, partitions, {key.replace("_", "."): value for key, value in config.items()})

    def delete(self) -> None:
        """Delete it, and wait until it is gone."""
        self._admin.delete_topics([self.name], operation_timeout=30)[self.name].result()

    def expire(self, before: int, partition: int = 0) -> None:
        """Remove what lies before an offset, as retention does."""
        place = TopicPartition(self.name, partition, before)
        for future in self._admin.delete_records([place]).values():
            future.result()

    def widen(self, partitions: int) -> None:
        """Give it so many partitions, and wait until all are there."""
        self._admin.create_partitions([NewPartitions(self.name, partitions)])[self.name].result()
        self._wait(lambda: len(self.log.state(self.name).oldest) == partitions)

    def wait_for_end(self, end: int) -> None:
        """Wait for the marks of transactions, which the brokers write after they have answered."""
        self._wait(lambda: self.log.end(self.name) == {0: end})

    def _wait(self, there: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 20
        while not there():
            assert time.monotonic() < deadline, self.log.state(self.name)
            time.sleep(0.02)

    def producer(self, **config: Any) -> Producer:
        """A producer of the client's own; options with underscores for dots."""
        options = {key.replace("_", "."): value for key, value in config.items()}
        return Producer({"bootstrap.servers": self._servers, **options})

    def transaction(self) -> Producer:
        """A producer with a transaction begun."""
        made = self.producer(transactional_id=f"{self.name}-{uuid4().hex[:6]}")
        made.init_transactions(30)
        made.begin_transaction()
        return made


@contextmanager
def own_topic(servers: str, partitions: int = 1, **config: str) -> Iterator[OwnTopic]:
    """A topic that is deleted in the end."""
    log = KafkaLog(Settings(kafka_servers=servers))
    topic = OwnTopic(servers, log, partitions, **config)
    try:
        yield topic
    finally:
        with suppress(KafkaException):  # the test has deleted it
            topic.delete()
        log.close()
