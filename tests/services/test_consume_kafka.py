"""Consumers of a Kafka topic: members of one group share its partitions, and the table stays the truth."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewPartitions

from mlinfra_assets.clock import SystemClock
from mlinfra_assets.contracts.declaration import load_sources
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.datasets import SOURCES
from mlinfra_assets.ingest.consumer import Consumed, Pace, SourceConsumer
from mlinfra_assets.ingest.consumers import Consumers, Ended, Told
from mlinfra_assets.ingest.source_tables import covered
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.kafka_log import KafkaLog
from tests.support.consuming import NOON, until
from tests.support.more_lines import line

pytestmark = pytest.mark.service("kafka")
GROUP = f"mlinfra-test-{uuid4().hex[:12]}"
APPEND_TIME = {"message.timestamp.type": "LogAppendTime"}


@dataclass
class Member:
    """One consumer of the topic, in a thread of its own."""

    settings: Settings
    source: Source
    happened: list[Told] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.consumers = Consumers({self.source.name: self._opened}, GROUP, until_caught_up=False)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    @property
    def landed(self) -> int:
        return sum(told.landed.records for told in self.happened if isinstance(told, Consumed))

    @property
    def ended(self) -> Ended | None:
        return next((told for told in self.happened if isinstance(told, Ended)), None)

    def stop(self) -> None:
        self.consumers.stop()
        self.thread.join()

    def _run(self) -> None:
        for told in self.consumers.run(0.05):
            if told is not None:
                self.happened.append(told)

    def _opened(self) -> SourceConsumer:
        return SourceConsumer(
            Lake(self.settings.lake),
            KafkaLog(self.settings),
            self.source,
            Provenance(f"consume-{uuid4().hex}", "code"),
            SystemClock(),
            Pace(0.0, 1_000, timedelta(days=7)),
            self.settings.max_payload_bytes,
        )


@dataclass
class Topic:
    """A topic, the source that comes in by it, and what a test does with them."""

    settings: Settings
    source: Source
    log: KafkaLog
    sent: int = 0
    members: list[Member] = field(default_factory=list)

    @property
    def name(self) -> str:
        assert isinstance(self.source.ingest, StreamIngest)
        return self.source.ingest.topic

    def join(self) -> Member:
        self.members.append(Member(self.settings, self.source))
        return self.members[-1]

    def send(self, count: int) -> None:
        numbers = range(self.sent, self.sent + count)
        records = [replace(line(n, NOON + timedelta(seconds=n)), key=str(n).encode()) for n in numbers]
        self.log.append(self.name, records)
        self.sent += count

    def count(self) -> int:
        table = Lake(self.settings.lake).table("processed/order_lines")
        return table.count() if table.exists() else 0

    def descriptions(self) -> list[str]:
        table = Lake(self.settings.lake).table("processed/order_lines")
        return sorted(table.read(columns=["description"])["description"], key=lambda text: int(text.split()[1]))

    def all_in(self) -> bool:
        return self.count() >= self.sent


@pytest.fixture
def make(tmp_path: Path, kafka_servers: str) -> Iterator[Callable[[int], Topic]]:
    """Makes a topic of so many partitions; it is deleted in the end, and its consumers are stopped."""
    settings = Settings(home=tmp_path, lake=str(tmp_path / "lake"), kafka_servers=kafka_servers)
    made: list[Topic] = []

    def topic(partitions: int) -> Topic:
        name = f"test-consume-{uuid4().hex}"
        source = load_sources(SOURCES)["order_lines"]
        source = replace(source, ingest=replace(source.ingest, topic=name, system="kafka"))  # pyright: ignore[reportCallIssue]
        log = KafkaLog(settings)
        log.topics.create(name, partitions, APPEND_TIME)
        made.append(Topic(settings, source, log))
        return made[-1]

    yield topic
    admin = AdminClient({"bootstrap.servers": kafka_servers})
    for one in made:
        for member in one.members:
            member.stop()
        one.log.close()
        for future in admin.delete_topics([one.name]).values():
            future.exception()


def committed(topic: Topic, partitions: int) -> dict[int, int]:
    """What the group's own positions say: the last offset that is held, by partition."""
    config = {"bootstrap.servers": topic.settings.kafka_servers, "group.id": f"{GROUP}-order_lines"}
    consumer = Consumer(config)
    found = consumer.committed([TopicPartition(topic.name, p) for p in range(partitions)], timeout=10)
    consumer.close()
    return {p.partition: p.offset - 1 for p in found if p.offset > 0}


def test_members_share_the_partitions_and_take_over_from_one_that_leaves(make: Callable[[int], Topic]) -> None:
    topic = make(4)
    first, second = topic.join(), topic.join()

    def both_at_work() -> bool:
        topic.send(40)
        until(topic.all_in)
        return first.landed > 0 and second.landed > 0

    until(both_at_work)
    second.stop()
    before = second.landed
    topic.send(60)
    until(topic.all_in)
    first.stop()

    assert topic.descriptions() == [f"LINE {n}" for n in range(topic.sent)]
    assert first.landed + second.landed == topic.sent
    assert second.landed == before
    assert (first.ended, second.ended) == (Ended("order_lines", None), Ended("order_lines", None))
    held = covered(Lake(topic.settings.lake).table("processed/order_lines"), "order_lines").offsets
    assert held == topic.log.end(topic.name)
    until(lambda: committed(topic, 4) == held)


def test_added_partitions_are_followed(make: Callable[[int], Topic]) -> None:
    topic = make(1)
    topic.join()
    topic.send(5)
    until(topic.all_in)
    admin = AdminClient({"bootstrap.servers": topic.settings.kafka_servers})
    admin.create_partitions([NewPartitions(topic.name, 3)])[topic.name].result()
    topic.log.close()
    topic.log = KafkaLog(topic.settings)  # a producer that has known of them from the beginning

    def spread() -> bool:
        topic.send(20)
        until(topic.all_in)
        return len(topic.log.end(topic.name)) == 3

    until(spread)

    assert topic.descriptions() == [f"LINE {n}" for n in range(topic.sent)]


def test_a_topic_that_was_made_again_stops_its_source_loudly(make: Callable[[int], Topic]) -> None:
    topic = make(1)
    member = topic.join()
    topic.send(5)
    until(topic.all_in)
    admin = AdminClient({"bootstrap.servers": topic.settings.kafka_servers})
    admin.delete_topics([topic.name])[topic.name].result()

    def made_again() -> bool:
        topic.log.topics.create(topic.name, 1, APPEND_TIME)
        return member.ended is not None

    until(made_again)

    assert member.ended is not None
    assert "was deleted and made again" in (member.ended.why or "")
    assert topic.count() == 5
