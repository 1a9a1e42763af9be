"""Sources of events on real streams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlinfra_assets.redis_server import embedded
from mlinfra_assets.settings import Settings
from tests.support.faults.ingestion import Ingestion
from tests.support.faults.worker import Task
from tests.support.kafka_topic import own_topic

PARTITIONS = 3


@pytest.fixture
def on_redis(tmp_path: Path) -> Iterator[Ingestion]:
    """Events on the embedded Redis of a home of their own."""
    settings = Settings(home=tmp_path, lake=str(tmp_path / "lake"))
    yield Ingestion(settings, Task("events"))
    embedded(settings).release()


@pytest.fixture
def on_kafka(tmp_path: Path, kafka_servers: str) -> Iterator[Ingestion]:
    """Events on a Kafka topic of their own (use with the marker `service("kafka")`)."""
    settings = Settings(home=tmp_path, lake=str(tmp_path / "lake"), kafka_servers=kafka_servers)
    with own_topic(kafka_servers, PARTITIONS) as topic:
        yield Ingestion(settings, Task(topic.name, system="kafka"))


@pytest.fixture
def ingestion(request: pytest.FixtureRequest) -> Ingestion:
    """Events on the stream that the test names (`each_system`); else on Redis."""
    return request.getfixturevalue(getattr(request, "param", "on_redis"))
