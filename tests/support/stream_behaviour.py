"""What any Redis stream log has to do; collected by test modules that give it a `client`."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import redis

from mlinfra_assets.clock import from_micros, to_micros
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.streams.entry_id import MAX_SEQUENCE, from_offset
from mlinfra_assets.streams.errors import RetentionGapError, StreamResetError
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.records import RECORDS
from mlinfra_assets.streams.redis_log import PREFIX, RedisLog

AT = datetime(2011, 6, 1, 12, tzinfo=UTC)


def read(log: StreamLog, topic: str, after: dict[int, int] | None = None) -> pl.DataFrame:
    frames = list(log.read(topic, after or {}, log.end(topic), max_records=1000, max_bytes=1 << 20))
    assert all(frame.height and frame.schema == RECORDS for frame in frames)
    return pl.concat([pl.DataFrame(schema=RECORDS), *frames])


def known(log: StreamLog, topic: str) -> list[datetime]:
    return read(log, topic)["known_at"].to_list()


def values(log: StreamLog, topic: str, after: dict[int, int] | None = None) -> list[bytes | None]:
    return read(log, topic, after)["payload"].to_list()


def numbered(count: int) -> list[NewRecord]:
    return [NewRecord(b"%d" % n) for n in range(count)]


class StreamBehaviour:
    def test_a_record_comes_back_as_it_was(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        record = NewRecord(b"\x00\xff", key=b"k\n", headers=(("größe", b"\x01"), ("empty", b""), ("größe", b"\x02")))
        [(partition, offset)] = log.append("lines", [record], at=AT)
        assert read(log, "lines").to_dicts() == [
            {
                "partition": partition,
                "offset": offset,
                "event_time": None,
                "known_at": AT,
                "key": record.key,
                "headers": [{"name": name, "value": value} for name, value in record.headers],
                "payload": record.value,
            }
        ]

    def test_a_tombstone_has_no_value(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        log.append("lines", [NewRecord(None, key=b"k"), NewRecord(b"", key=b"k"), NewRecord(None)], at=AT)
        assert values(log, "lines") == [None, b"", None]
        assert read(log, "lines")["key"].to_list() == [b"k", b"k", None]

    def test_nothing_was_ever_there(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        assert (log.end("lines"), dict(log.state("lines").oldest), values(log, "lines")) == ({}, {0: 0}, [])
        assert log.append("lines", []) == []
        assert log.append("lines", [], at=AT) == []
        assert log.trim("lines", {0: 5}) == 0
        assert log.end("lines") == {}

    def test_the_servers_own_time_counts_by_default(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        positions = log.append("lines", numbered(3))
        assert positions == sorted(set(positions))
        now = datetime.now(UTC)
        assert all(abs(at - now) < timedelta(minutes=1) for at in known(log, "lines"))

    def test_a_chosen_time_is_kept_and_never_goes_back(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        log.append("lines", numbered(2), at=AT)
        log.append("lines", numbered(1), at=AT - timedelta(days=1))
        log.append("lines", numbered(1), at=AT + timedelta(milliseconds=1))
        assert known(log, "lines") == [AT, AT, AT, AT + timedelta(milliseconds=1)]
        offsets = read(log, "lines")["offset"].to_list()
        assert offsets == sorted(set(offsets))

    def test_a_full_millisecond_runs_over_into_the_next(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        millis = to_micros(AT) // 1000
        client.xadd(PREFIX + "lines", {b"v": b"last"}, id=f"{millis}-{MAX_SEQUENCE}")
        log.append("lines", numbered(1), at=AT)
        assert known(log, "lines") == [AT, AT + timedelta(milliseconds=1)]

    def test_a_time_before_the_epoch_is_its_start(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        log.append("lines", numbered(2), at=datetime(1969, 1, 1, tzinfo=UTC))
        assert known(log, "lines") == [from_micros(0)] * 2

    def test_history_is_appended_in_bulk(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        records = [(AT + timedelta(seconds=n // 3), record) for n, record in enumerate(numbered(1234))]
        assert log.append_at("lines", iter(records)) == 1234
        assert values(log, "lines") == [record.value for _, record in records]
        assert known(log, "lines") == [at for at, _ in records]

    def test_history_that_goes_back_is_refused(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        records = [(AT, NewRecord(b"1")), (AT - timedelta(seconds=1), NewRecord(b"2"))]
        with pytest.raises(InvalidInputError, match="go back in time"):
            log.append_at("lines", records)
        with pytest.raises(InvalidInputError, match="has no zone"):
            log.append("lines", numbered(1), at=datetime(2011, 6, 1))  # noqa: DTZ001 - what is refused

    def test_racing_writers_on_a_chosen_time_all_get_places_of_their_own(self, client: redis.Redis) -> None:
        log = RedisLog(client)

        def work(writer: int) -> None:
            for number in range(50):
                log.append("lines", [NewRecord(b"%d/%d" % (writer, number))], at=AT)

        threads = [threading.Thread(target=work, args=[writer]) for writer in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(set(values(log, "lines"))) == 200

    def test_a_read_starts_after_and_ends_with_the_given_offsets(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        offsets = [offset for _, offset in log.append("lines", numbered(10), at=AT)]
        found = log.read("lines", {0: offsets[2]}, {0: offsets[6]}, max_records=1000, max_bytes=1 << 20)
        assert [value for frame in found for value in frame["payload"]] == [b"3", b"4", b"5", b"6"]
        assert list(log.read("lines", {0: offsets[2]}, {}, max_records=1, max_bytes=1)) == []
        assert values(log, "lines", {0: offsets[9]}) == []

    def test_batches_are_bounded_by_records_and_by_bytes(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        log.append("lines", [NewRecord(b"x" * 100)] * 250, at=AT)
        end = log.end("lines")
        by_records = [len(b) for b in log.read("lines", {}, end, max_records=100, max_bytes=1 << 20)]
        by_bytes = [len(b) for b in log.read("lines", {}, end, max_records=1000, max_bytes=1000)]
        assert by_records == [100, 100, 50]
        assert by_bytes == [10] * 25

    def test_large_records_come_through(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        large = [NewRecord(bytes([n]) * 5_000_000) for n in range(4)]
        log.append_at("lines", ((AT, record) for record in large))
        assert values(log, "lines") == [record.value for record in large]

    def test_trimmed_records_are_gone_and_later_ones_stay(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        offsets = [offset for _, offset in log.append("lines", numbered(10), at=AT)]
        end = log.end("lines")
        assert log.trim("lines", {0: offsets[3]}) == 4
        assert log.trim("lines", {0: offsets[3]}) == 0
        assert (dict(log.state("lines").oldest), log.end("lines")) == ({0: offsets[3] + 1}, end)
        assert values(log, "lines", {0: offsets[3]}) == [b"4", b"5", b"6", b"7", b"8", b"9"]
        assert log.trim("lines", {}) == 0

    def test_the_end_of_an_emptied_stream_stays(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        log.append("lines", numbered(3), at=AT)
        end = log.end("lines")
        log.trim("lines", {0: end[0] + 1000})
        assert (dict(log.state("lines").oldest), log.end("lines")) == ({0: end[0] + 1}, end)
        assert values(log, "lines", end) == []
        [(_, offset)] = log.append("lines", numbered(1), at=AT)
        assert offset > end[0]
        assert values(log, "lines", end) == [b"0"]

    def test_a_reader_that_lost_records_is_told(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        offsets = [offset for _, offset in log.append("lines", numbered(10), at=AT)]
        log.trim("lines", {0: offsets[5]})
        for after in ({}, {0: offsets[4]}):
            with pytest.raises(RetentionGapError, match="is lost here"):
                values(log, "lines", after)
        assert len(values(log, "lines", {0: offsets[5]})) == 4

    def test_a_trim_during_a_read_is_noticed(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        log.append("lines", numbered(200), at=AT)
        batches = log.read("lines", {}, log.end("lines"), max_records=10, max_bytes=1 << 20)
        next(batches)
        log.trim("lines", {0: log.end("lines")[0] - 1})
        with pytest.raises(RetentionGapError):
            list(batches)

    def test_a_stream_that_was_emptied_or_replaced_is_noticed(self, client: redis.Redis) -> None:
        log = RedisLog(client)
        log.append("lines", numbered(3), at=AT)
        position = log.end("lines")
        client.delete(PREFIX + "lines")
        with pytest.raises(StreamResetError, match="emptied or replaced"):
            list(log.read("lines", position, position, max_records=1, max_bytes=1))
        log.append("lines", numbered(3), at=AT - timedelta(days=1))
        with pytest.raises(StreamResetError):
            list(log.read("lines", position, log.end("lines"), max_records=1, max_bytes=1))

    def test_an_entry_of_another_program_comes_through(self, client: redis.Redis) -> None:
        client.xadd(PREFIX + "lines", {b"v": b"x", b"other": b"y"}, id=from_offset(5 << 20).decode())
        client.xadd(PREFIX + "lines", {b"other": b"y"}, id=from_offset(6 << 20).decode())
        assert values(RedisLog(client), "lines") == [b"x", None]
