"""What `mlinfra doctor` says of Kafka's brokers."""

from __future__ import annotations

import pytest

from mlinfra_assets.commands.diagnosis.finding import State
from mlinfra_assets.commands.diagnosis.services import kafka_brokers
from mlinfra_assets.settings import Settings
from tests.support.closed_port import closed_port

pytestmark = pytest.mark.service("kafka")


def test_brokers_that_are_up_are_named(kafka_servers: str) -> None:
    [found] = kafka_brokers(Settings(kafka_servers=kafka_servers))
    assert (found.state, found.value) == (State.OK, f"1 up (PLAINTEXT): {kafka_servers}")


def test_brokers_that_are_not_are_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlinfra_assets.streams.kafka_topics.REQUEST_SECONDS", 2.0)
    [found] = kafka_brokers(Settings(kafka_servers=f"127.0.0.1:{closed_port()}"))
    assert found.state == State.BROKEN
    assert "start it, or correct MLINFRA_KAFKA_SERVERS" in found.value


def test_without_brokers_there_is_nothing_to_say() -> None:
    assert list(kafka_brokers(Settings())) == []
