"""A Kafka topic into raw and processed: each record once; a topic that is another one stops its source."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from mlinfra_assets.clock import FixedClock
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.ingest.processed import validate_source
from mlinfra_assets.ingest.raw import Landed, raw_table
from mlinfra_assets.ingest.streams import land_stream, standing
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.streams.errors import RetentionGapError, StreamResetError
from mlinfra_assets.streams.record import NewRecord
from tests.support.declared import declared
from tests.support.kafka_topic import OwnTopic, own_topic

pytestmark = pytest.mark.service("kafka")
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
RUN = Provenance("run", "code")


@pytest.fixture
def topic(kafka_servers: str) -> Iterator[OwnTopic]:
    with own_topic(kafka_servers) as made:
        yield made


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def source_of(topic: OwnTopic) -> Source:
    return replace(declared("order_lines"), ingest=StreamIngest(topic.name, system="kafka"))


def land(lake: Lake, topic: OwnTopic) -> Landed:
    return land_stream(lake, topic.log, source_of(topic), RUN, FixedClock(NOON))


def payloads(lake: Lake, topic: OwnTopic) -> list[bytes]:
    return sorted(raw_table(lake, source_of(topic)).read()["payload"].drop_nulls())


def send(topic: OwnTopic, first: int, count: int) -> None:
    topic.log.append(topic.name, [NewRecord(b"%04d" % n) for n in range(first, first + count)])


def test_every_record_lands_once_with_its_position(lake: Lake, topic: OwnTopic, monkeypatch) -> None:
    monkeypatch.setattr("mlinfra_assets.ingest.streams.BATCH_RECORDS", 40)
    for first in (0, 100, 200):
        send(topic, first, 100)
        landed = land(lake, topic)
        assert (landed.records, dict(landed.positions.offsets)) == (100, {0: first + 99})
    assert land(lake, topic).commits == 0
    assert payloads(lake, topic) == [b"%04d" % n for n in range(300)]


def test_raw_is_not_behind_for_the_marks_of_transactions(lake: Lake, topic: OwnTopic) -> None:
    send(topic, 0, 3)
    for end in ("commit_transaction", "abort_transaction"):
        one = topic.transaction()
        one.produce(topic.name, b"in a transaction")
        one.flush()
        getattr(one, end)()
    topic.wait_for_end(6)
    landed = land(lake, topic)
    assert (landed.records, landed.commits, dict(landed.positions.offsets)) == (4, 1, {0: 6})
    assert standing(raw_table(lake, source_of(topic)), topic.log, source_of(topic)).behind == {}
    one = topic.transaction()
    one.produce(topic.name, b"aborted")
    one.flush()
    one.abort_transaction()
    topic.wait_for_end(8)
    landed = land(lake, topic)
    assert (landed.records, dict(landed.positions.offsets)) == (0, {0: 8})


def test_tombstones_and_keys_are_kept_and_the_contract_sets_a_tombstone_aside(lake: Lake, topic: OwnTopic) -> None:
    topic.log.append(topic.name, [NewRecord(None, key=b"k", headers=(("h", b"1"), ("h", b"2")))])
    land(lake, topic)
    [row] = raw_table(lake, source_of(topic)).read().to_dicts()
    assert (row["payload"], row["content_hash"], row["key"]) == (None, None, b"k")
    assert row["headers"] == [{"name": "h", "value": b"1"}, {"name": "h", "value": b"2"}]
    assert validate_source(lake, source_of(topic), RUN, max_payload_bytes=1000, now=NOON).quarantined == 1


def test_a_producers_time_is_the_event_time_and_landing_makes_it_known(kafka_servers: str, lake: Lake) -> None:
    with own_topic(kafka_servers, message_timestamp_type="CreateTime") as topic:
        producer = topic.producer()
        producer.produce(topic.name, b"x", timestamp=1_300_000_000_000)
        producer.flush()
        land(lake, topic)
        [row] = raw_table(lake, source_of(topic)).read().to_dicts()
        assert row["event_time"] == datetime(2011, 3, 13, 7, 6, 40, tzinfo=UTC)
        assert row["known_at"] == row["landed_at"] == NOON


def test_a_topic_that_was_deleted_and_made_again_stops_the_source(lake: Lake, topic: OwnTopic) -> None:
    send(topic, 0, 10)
    land(lake, topic)
    topic.delete()
    topic.create()
    send(topic, 500, 50)
    for act in (
        lambda: land(lake, topic),
        lambda: standing(raw_table(lake, source_of(topic)), topic.log, source_of(topic)),
    ):
        with pytest.raises(StreamResetError, match="was deleted and made again"):
            act()
    assert payloads(lake, topic) == [b"%04d" % n for n in range(10)]


def test_passed_retention_stops_the_source_and_reports_the_gap(lake: Lake, topic: OwnTopic) -> None:
    send(topic, 0, 10)
    land(lake, topic)
    send(topic, 10, 20)
    topic.expire(25)
    with pytest.raises(RetentionGapError, match=r"offsets 10 to 24 \(15 of them"):
        land(lake, topic)
    assert payloads(lake, topic) == [b"%04d" % n for n in range(10)]


def test_a_gap_is_passed_over_by_decision_which_the_table_records(lake: Lake, topic: OwnTopic) -> None:
    send(topic, 0, 10)
    land(lake, topic)
    send(topic, 10, 20)
    topic.expire(25)
    landed = land_stream(lake, topic.log, source_of(topic), RUN, FixedClock(NOON), accept_gap=True)
    assert (landed.records, dict(landed.positions.offsets)) == (5, {0: 29})
    extras = [e.provenance.extra for e in raw_table(lake, source_of(topic)).history() if e.provenance]
    assert [e["accepted_gap/0"] for e in extras if "accepted_gap/0" in e] == ["10-24"]


def test_a_first_landing_starts_with_what_is_there_and_says_so(lake: Lake, topic: OwnTopic) -> None:
    send(topic, 0, 10)
    topic.expire(4)
    land(lake, topic)
    assert payloads(lake, topic) == [b"%04d" % n for n in range(4, 10)]


def test_a_partition_that_is_added_is_landed_from_its_start(lake: Lake, topic: OwnTopic) -> None:
    send(topic, 0, 10)
    land(lake, topic)
    topic.widen(2)
    producer = topic.producer()
    producer.produce(topic.name, b"9999", partition=1)
    producer.flush()
    assert dict(land(lake, topic).positions.offsets) == {0: 9, 1: 0}
    assert payloads(lake, topic) == [*(b"%04d" % n for n in range(10)), b"9999"]
