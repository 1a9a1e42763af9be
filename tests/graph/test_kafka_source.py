"""A source on Kafka, declared in one file: the sensor asks, the run lands it, the contract judges, commands show it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import orjson
import pytest

from mlinfra_assets import cli
from mlinfra_assets.datasets import SOURCES
from mlinfra_assets.redis_server import embedded
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.errors import RetentionGapError, StreamResetError
from mlinfra_assets.streams.record import NewRecord
from tests.support.kafka_topic import OwnTopic, own_topic
from tests.support.platform import Platform

pytestmark = pytest.mark.service("kafka")
CLICKS = """
apiVersion: v3.1.0
kind: DataContract
id: clicks
name: clicks
version: 1.0.0
status: active
description: {purpose: Clicks in the shop}
team: {name: web}
schema:
  - name: clicks
    logicalType: object
    properties:
      - {name: id, logicalType: integer, required: true, description: Number of the click in its session.}
      - {name: at, logicalType: timestamp, required: true, description: When it was clicked (UTC).}
customProperties:
  - property: ingest
    value: {kind: stream, topic: TOPIC, system: kafka}
  - property: time
    value: {eventTime: at}
  - property: dagster
    value: {owners: ["team:web"]}
"""


@pytest.fixture
def topic(kafka_servers: str) -> Iterator[OwnTopic]:
    with own_topic(kafka_servers, partitions=2) as made:
        yield made


@pytest.fixture
def platform(
    topic: OwnTopic, kafka_servers: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Platform]:
    sources = tmp_path / "sources"
    shutil.copytree(SOURCES, sources, ignore=shutil.ignore_patterns("__pycache__"))
    (sources / "clicks.yaml").write_text(CLICKS.replace("TOPIC", topic.name))
    monkeypatch.setattr("mlinfra_assets.definitions.SOURCES", sources)
    monkeypatch.setattr("mlinfra_assets.commands.sources.FOLDER", sources)
    monkeypatch.setenv("MLINFRA_KAFKA_SERVERS", kafka_servers)
    settings = Settings.load({"MLINFRA_HOME": str(tmp_path / "home"), "MLINFRA_KAFKA_SERVERS": kafka_servers})
    with dg.DagsterInstance.ephemeral() as instance:
        made = Platform(settings, instance)
        try:
            yield made
        finally:
            made.redis.close()
            embedded(settings).release()


def send(topic: OwnTopic, first: int, count: int) -> None:
    clicks = [{"id": n, "at": "2026-03-01T12:00:00Z"} for n in range(first, first + count)]
    topic.log.append(topic.name, [NewRecord(orjson.dumps(click), key=b"%d" % click["id"]) for click in clicks])


def shown(platform: Platform, capsys: pytest.CaptureFixture[str]) -> tuple[int, dict]:
    status = cli.run(["sources", "--json", "--home", str(platform.settings.home)])
    return status, next(s for s in json.loads(capsys.readouterr().out)["sources"] if s["source"] == "clicks")


def test_a_topic_comes_through_to_processed(
    platform: Platform, topic: OwnTopic, capsys: pytest.CaptureFixture[str]
) -> None:
    spec = platform.definitions.resolve_asset_graph().get(dg.AssetKey(["streams", topic.name]))
    assert spec.kinds == {"kafka"}
    assert platform.asked("clicks_stream") == []
    send(topic, 0, 50)
    topic.log.append(topic.name, [NewRecord(b"no JSON"), NewRecord(None, key=b"3")])
    assert platform.asked("clicks_stream") == [[]]
    status, found = shown(platform, capsys)
    assert (status, found["system"], found["place"], found["behind"]) == (0, "kafka", topic.name, True)
    assert sum(p["lag"] for p in found["partitions"]) == 52

    assert platform.ingest("clicks").success
    assert sorted(platform.rows("processed/clicks")["id"]) == list(range(50))
    assert platform.count("processed/clicks_quarantine") == 2
    assert platform.asked("clicks_stream") == []
    assert shown(platform, capsys)[1]["behind"] is False
    send(topic, 50, 10)
    assert platform.ingest("clicks").success
    assert sorted(platform.rows("processed/clicks")["id"]) == list(range(60))


def test_a_topic_made_again_fails_the_run_and_the_tick_and_is_shown(
    platform: Platform, topic: OwnTopic, capsys: pytest.CaptureFixture[str]
) -> None:
    send(topic, 0, 5)
    assert platform.ingest("clicks").success
    topic.delete()
    topic.create(2)
    send(topic, 100, 50)
    with pytest.raises(StreamResetError, match="deleted and made again"):
        platform.tick("clicks_stream")
    assert not platform.ingest("clicks").success
    assert platform.count("raw/clicks") == 5
    status, found = shown(platform, capsys)
    assert status == 1
    assert "deleted and made again" in found["problem"]


def test_passed_retention_fails_the_run_and_the_tick_and_reports_the_gap(platform: Platform, topic: OwnTopic) -> None:
    send(topic, 0, 40)
    assert platform.ingest("clicks").success
    held = topic.log.end(topic.name)
    send(topic, 40, 60)
    topic.expire(held[0] + 11, partition=0)
    with pytest.raises(RetentionGapError, match=r"\(10 of them"):
        platform.tick("clicks_stream")
    assert not platform.ingest("clicks").success
    assert platform.count("raw/clicks") == 40
