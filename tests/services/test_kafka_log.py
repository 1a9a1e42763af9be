"""The stream log on a real Kafka: what comes back, what is held back, and what stops a reader."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from confluent_kafka import Message

from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams import kafka_reader
from mlinfra_assets.streams.errors import RetentionGapError, StreamResetError
from mlinfra_assets.streams.kafka_log import KafkaLog
from mlinfra_assets.streams.kafka_reader import KafkaReader
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.records import RECORDS
from tests.support.closed_port import closed_port
from tests.support.kafka_topic import OwnTopic, own_topic

pytestmark = pytest.mark.service("kafka")


@pytest.fixture
def topic(kafka_servers: str) -> Iterator[OwnTopic]:
    with own_topic(kafka_servers) as made:
        yield made


def read(
    topic: OwnTopic, after: dict[int, int] | None = None, records: int = 1000, size: int = 1 << 20
) -> pl.DataFrame:
    frames = list(topic.log.read(topic.name, after or {}, topic.log.end(topic.name), records, size))
    assert all(frame.height and frame.schema == RECORDS for frame in frames)
    return pl.concat([pl.DataFrame(schema=RECORDS), *frames])


def values(topic: OwnTopic, after: dict[int, int] | None = None) -> list[bytes | None]:
    return read(topic, after)["payload"].to_list()


def numbered(first: int, count: int) -> list[NewRecord]:
    return [NewRecord(b"%d" % n) for n in range(first, first + count)]


def test_a_record_comes_back_as_it_was(topic: OwnTopic) -> None:
    record = NewRecord(b"\x00\xff", key=b"k\n", headers=(("größe", b"\x01"), ("empty", b""), ("größe", b"\x02")))
    now = datetime.now(UTC)
    assert topic.log.append(topic.name, [record]) == [(0, 0)]
    [found] = read(topic).to_dicts()
    assert abs(found.pop("known_at") - now) < timedelta(minutes=1)
    assert found == {
        "partition": 0,
        "offset": 0,
        "event_time": None,
        "key": b"k\n",
        "headers": [{"name": name, "value": value} for name, value in record.headers],
        "payload": b"\x00\xff",
    }


def test_a_tombstone_has_no_value(topic: OwnTopic) -> None:
    topic.log.append(topic.name, [NewRecord(None, key=b"k"), NewRecord(b"", key=b"k"), NewRecord(None)])
    assert values(topic) == [None, b"", None]
    assert read(topic)["key"].to_list() == [b"k", b"k", None]


def test_a_read_starts_after_and_ends_with_the_given_offsets_in_bounded_frames(topic: OwnTopic) -> None:
    topic.log.append(topic.name, [NewRecord(b"x" * 100) for _ in range(250)])
    frames = topic.log.read(topic.name, {0: 9}, {0: 199}, max_records=80, max_bytes=1 << 20)
    assert [(f["offset"][0], f["offset"][-1]) for f in frames] == [(10, 89), (90, 169), (170, 199)]
    by_bytes = topic.log.read(topic.name, {0: 199}, {0: 249}, max_records=1000, max_bytes=1000)
    assert [f.height for f in by_bytes] == [10] * 5
    assert values(topic, {0: 249}) == []
    assert read(topic)["offset"].to_list() == list(range(250))


def test_several_partitions_each_in_order(kafka_servers: str) -> None:
    with own_topic(kafka_servers, partitions=3) as topic:
        placed = topic.log.append(topic.name, [NewRecord(b"%d" % n, key=b"%d" % n) for n in range(300)])
        found = read(topic)
        assert sorted(zip(found["partition"], found["offset"], strict=True)) == sorted(placed)
        assert all(part["offset"].is_sorted() for part in found.partition_by("partition"))
        assert found["partition"].n_unique() == 3
        assert values(topic, {**topic.log.end(topic.name)}) == []


def test_a_read_that_ends_early_in_one_partition_goes_on_in_the_others(
    kafka_servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlinfra_assets.streams.kafka_reader.STALL_SECONDS", 5.0)
    with own_topic(kafka_servers, partitions=2) as topic:
        topic.log.append(topic.name, [NewRecord(b"x" * 1000, key=b"%d" % n) for n in range(20_000)])
        end = topic.log.end(topic.name)
        first = pl.concat(topic.log.read(topic.name, {}, {0: 10, 1: end[1]}, 100_000, 1 << 30))
        assert dict(first.group_by("partition").agg(pl.col("offset").max()).iter_rows()) == {0: 10, 1: end[1]}
        rest = pl.concat(topic.log.read(topic.name, {0: 10, 1: end[1]}, end, 100_000, 1 << 30))
        assert rest["offset"].to_list() == list(range(11, end[0] + 1))


def test_what_is_in_a_transaction_is_there_once_it_commits_and_never_if_it_is_aborted(topic: OwnTopic) -> None:
    topic.log.append(topic.name, numbered(0, 2))
    aborted = topic.transaction()
    aborted.produce(topic.name, b"aborted")
    aborted.flush()
    aborted.abort_transaction()
    open_ = topic.transaction()
    open_.produce(topic.name, b"2")
    open_.flush()
    topic.log.append(topic.name, numbered(3, 1))
    topic.wait_for_end(3)

    assert values(topic) == [b"0", b"1"]
    assert values(topic, topic.log.end(topic.name)) == []
    open_.commit_transaction()
    topic.wait_for_end(6)
    assert values(topic) == [b"0", b"1", b"2", b"3"]
    assert read(topic)["offset"].to_list() == [0, 1, 4, 5]
    assert values(topic, {0: 5}) == []


def test_a_reader_goes_on_where_it_ended_across_marks_of_transactions(topic: OwnTopic) -> None:
    held: dict[int, int] = {}
    found: list[bytes | None] = []
    for n in range(4):
        topic.log.append(topic.name, numbered(2 * n, 1))
        one = topic.transaction()
        one.produce(topic.name, b"%d" % (2 * n + 1))
        one.flush()
        (one.commit_transaction if n % 2 else one.abort_transaction)()
        topic.wait_for_end(3 * n + 2)
        found += values(topic, held)
        held = topic.log.end(topic.name)
    assert found == [b"0", b"2", b"3", b"4", b"6", b"7"]


def test_a_producers_own_time_is_an_event_time_and_not_when_it_was_known(kafka_servers: str) -> None:
    with own_topic(kafka_servers, message_timestamp_type="CreateTime") as topic:
        producer = topic.producer()
        producer.produce(topic.name, b"x", timestamp=1_300_000_000_123)
        producer.flush()
        [found] = read(topic).to_dicts()
        assert found["event_time"] == datetime(2011, 3, 13, 7, 6, 40, 123_000, UTC)
        assert found["known_at"] is None


def test_what_retention_took_before_it_was_read_is_reported(topic: OwnTopic) -> None:
    topic.log.append(topic.name, numbered(0, 10))
    topic.expire(6)
    with pytest.raises(RetentionGapError, match=r"offsets 3 to 5 \(3 of them") as error:
        values(topic, {0: 2})
    assert (error.value.first, error.value.last, error.value.count) == (3, 5, 3)
    assert values(topic, {0: 5}) == [b"6", b"7", b"8", b"9"]
    assert values(topic, {}) == [b"6", b"7", b"8", b"9"]


def test_retention_that_passes_a_reader_in_mid_read_is_noticed(topic: OwnTopic) -> None:
    producer = topic.producer(linger_ms=50)
    for _ in range(40):
        producer.produce(topic.name, b"x" * 900_000)
        producer.flush()
    frames = topic.log.read(topic.name, {}, topic.log.end(topic.name), max_records=1, max_bytes=1 << 20)
    next(frames)
    del frames
    topic.expire(39)
    with pytest.raises(RetentionGapError) as error:
        list(topic.log.read(topic.name, {0: 0}, {0: 39}, max_records=1, max_bytes=1 << 20))
    assert (error.value.first, error.value.last) == (1, 38)


def test_a_topic_that_ends_before_the_reader_is_no_place_to_go_on(topic: OwnTopic) -> None:
    topic.log.append(topic.name, numbered(0, 3))
    with pytest.raises(StreamResetError, match="ends at 2"):
        values(topic, {0: 7})


def test_a_topic_made_again_in_mid_read_is_noticed(topic: OwnTopic) -> None:
    topic.log.append(topic.name, numbered(0, 100))
    frames = topic.log.read(topic.name, {}, {0: 99}, max_records=10, max_bytes=1 << 20)
    next(frames)
    topic.delete()
    topic.create()
    topic.log.append(topic.name, numbered(0, 200))
    with pytest.raises(StreamResetError, match=r"made again|went away|was deleted"):
        list(frames)


def test_added_partitions_are_followed(topic: OwnTopic) -> None:
    topic.log.append(topic.name, numbered(0, 5))
    held = topic.log.end(topic.name)
    topic.widen(3)
    producer = topic.producer()
    for partition in range(3):
        producer.produce(topic.name, b"new", partition=partition)
    producer.flush()
    found = read(topic, held)
    assert sorted(zip(found["partition"], found["offset"], strict=True)) == [(0, 5), (1, 0), (2, 0)]


def test_a_topic_that_is_not_there_is_an_error_and_not_a_silent_loss(topic: OwnTopic) -> None:
    for act in (topic.log.end, lambda name: topic.log.append(name, numbered(0, 1))):
        with pytest.raises(UnavailableError, match="there is no topic test-nowhere"):
            act("test-nowhere")


def test_a_record_that_is_too_large_is_refused(topic: OwnTopic) -> None:
    with pytest.raises(InvalidInputError, match="5,000,000 bytes"):
        topic.log.append(topic.name, [NewRecord(b"x" * 5_000_000)])


def test_a_large_record_comes_through(kafka_servers: str) -> None:
    size = 30_000_000
    with own_topic(kafka_servers, max_message_bytes=str(size + 1000)) as topic:
        producer = topic.producer(message_max_bytes=size + 1000)
        for n in range(3):
            producer.produce(topic.name, bytes([n]) * size)
        assert producer.flush(60) == 0
        assert [(v[0], len(v)) for v in values(topic) if v] == [(n, size) for n in range(3)]


def test_a_chosen_time_is_refused(topic: OwnTopic) -> None:
    with pytest.raises(InvalidInputError, match="simulated"):
        topic.log.append(topic.name, numbered(0, 1), at=datetime(2011, 1, 1, tzinfo=UTC))


def test_brokers_out_of_reach_are_said_with_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlinfra_assets.streams.kafka_topics.REQUEST_SECONDS", 2.0)
    log = KafkaLog(Settings(kafka_servers=f"127.0.0.1:{closed_port()}"))
    with pytest.raises(UnavailableError, match="start it, or correct MLINFRA_KAFKA_SERVERS"):
        log.end("lines")


def test_kafka_without_brokers_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="set MLINFRA_KAFKA_SERVERS"):
        KafkaLog(Settings())


def test_threads_that_append_at_once_each_hear_of_their_own_records(topic: OwnTopic) -> None:
    def work(writer: int) -> list[int]:
        return [
            offset
            for n in range(20)
            for _, offset in topic.log.append(topic.name, [NewRecord(b"%d/%d/%d" % (writer, n, m)) for m in range(5)])
        ]

    with ThreadPoolExecutor(4) as pool:
        told = [offset for offsets in pool.map(work, range(4)) for offset in offsets]
    assert sorted(told) == list(range(400))
    assert len(set(values(topic))) == 400


def test_who_reads_batch_by_batch_fetches_each_record_once(topic: OwnTopic, monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[int] = []
    following = KafkaReader._next

    def counted(reader: KafkaReader, look: int) -> list[Message]:
        messages = following(reader, look)
        fetched.extend(int(m.offset() or 0) for m in messages if m.error() is None)
        return messages

    monkeypatch.setattr(KafkaReader, "_next", counted)
    monkeypatch.setattr(kafka_reader, "FIRST_LOOK", 70)
    topic.log.append(topic.name, numbered(0, 500))
    held: dict[int, int] = {}
    for _ in range(5):
        frames = topic.log.read(topic.name, held, topic.log.end(topic.name), 100, 1 << 20)
        frame = next(iter(frames))
        frames.close()  # pyright: ignore[reportAttributeAccessIssue] - as a landing that stops after one batch
        assert frame.height == 100
        held = {0: int(frame["offset"][-1])}
    assert sorted(fetched) == list(range(500))
