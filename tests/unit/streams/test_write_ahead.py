"""Records that are on the disk before anybody hears of them: what a file keeps, and how it comes into the stream."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis

from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.redis_log import PREFIX, RedisLog
from mlinfra_assets.streams.write_ahead import drain
from mlinfra_assets.streams.write_ahead.frames import HEAD, MAX_RECORD_BYTES, frames, to_frame
from mlinfra_assets.streams.write_ahead.log import WriteAheadLog
from mlinfra_assets.streams.write_ahead.segment import Segment
from mlinfra_assets.streams.write_ahead.sent import HEAD_BYTES, Sent
from tests.support.online import client, redis_server

__all__ = ["client", "redis_server"]
TOPIC = "kept"
LARGE = 1 << 30


class Door:
    """A stream that can be shut."""

    def __init__(self, log: RedisLog) -> None:
        self._log = log
        self.error: Exception | None = None

    def __getattr__(self, name: str) -> object:
        return getattr(self._log, name)

    def append(self, topic: str, records: Sequence[NewRecord], at: datetime | None = None) -> list[tuple[int, int]]:
        if self.error is not None:
            raise self.error
        return self._log.append(topic, records, at)


@pytest.fixture
def stream(client: redis.Redis) -> Door:
    return Door(RedisLog(client))


@pytest.fixture
def opened(tmp_path: Path, stream: Door) -> Iterator[Callable[..., WriteAheadLog]]:
    made: list[WriteAheadLog] = []

    def open_(max_bytes: int = LARGE) -> WriteAheadLog:
        made.append(WriteAheadLog(stream, TOPIC, tmp_path / "files", max_bytes))  # pyright: ignore[reportArgumentType]
        return made[-1]

    yield open_
    for one in made:
        one.close(0)


def keys(stream: Door) -> list[str]:
    found = stream._log.read(TOPIC, {}, stream._log.end(TOPIC), 10_000, LARGE)
    return [key.decode() for frame in found for key in frame["key"]]


def record(number: int, size: int = 20) -> NewRecord:
    return NewRecord(b"v" * size, str(number).encode())


def until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_record_comes_back_as_it_went_and_one_that_is_cut_anywhere_does_not() -> None:
    at = datetime(2011, 12, 9, 12, 50, 0, 7, tzinfo=UTC)
    first, second = to_frame(b"a", b"one", None), to_frame(b"", b"\x00two", at)
    found = list(frames(first + second))
    assert [(f.key, f.value, f.at, f.end) for f in found] == [
        (b"a", b"one", None, len(first)),
        (b"", b"\x00two", at, len(first + second)),
    ]
    for cut in range(len(second)):
        assert [f.key for f in frames(first + second[:cut])] == [b"a"]


def test_a_record_of_which_any_byte_is_another_is_left_out_and_what_follows_is_not() -> None:
    first, second, third = (to_frame(name, b"value", None) for name in (b"a", b"b", b"c"))
    for place in range(HEAD.size, len(second)):
        damaged = bytearray(second)
        damaged[place] ^= 1
        assert [f.key for f in frames(first + bytes(damaged) + third)] == [b"a", b"c"]


def test_a_record_that_no_stream_would_take_is_refused(opened) -> None:
    with pytest.raises(InvalidInputError, match="larger than what a stream takes"):
        opened().append([record(1, MAX_RECORD_BYTES)])


@pytest.mark.parametrize("partitions", [0, 1, 3, 1_000])
def test_what_was_sent_is_kept_in_the_head_of_a_file(partitions: int) -> None:
    sent = Sent(10_000, {p: (p, 1 << 60) for p in range(partitions)})
    head = sent.to_bytes()
    assert len(head) == HEAD_BYTES
    assert Sent.from_bytes(head) == (sent if partitions < 1_000 else Sent())
    for place in range(24):
        damaged = bytearray(head)
        damaged[place] ^= 1
        assert Sent.from_bytes(bytes(damaged)) == Sent()
        assert Sent.from_bytes(head[:place]) == Sent()


def test_many_threads_append_each_record_once(opened, stream) -> None:
    log = opened()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: log.append([record(2 * n), record(2 * n + 1)]), range(500)))
    assert log.settle(20)
    found = keys(stream)
    assert sorted(map(int, found)) == list(range(1_000))
    # The two of one append stay together and in order.
    assert all(int(found[found.index(str(2 * n)) + 1]) == 2 * n + 1 for n in range(500))


def test_what_a_stream_that_is_away_does_not_take_waits_and_comes_in_order(opened, stream) -> None:
    log = opened()
    stream.error = UnavailableError("gone")
    for number in range(50):
        log.append([record(number)])
    assert log.waiting().records == 50
    assert not log.settle(0)
    assert keys(stream) == []
    stream.error = None
    assert log.settle(20)
    assert keys(stream) == [str(n) for n in range(50)]
    assert log.waiting().bytes == 0


def test_no_more_waits_than_may(opened, stream) -> None:
    log = opened(max_bytes=1_000)
    stream.error = UnavailableError("gone")
    log.append([record(1, 500)])
    with pytest.raises(UnavailableError, match="1 records for kept wait"):
        log.append([record(2, 500)])
    stream.error = None
    assert log.settle(20)
    log.append([record(3, 500)])
    assert log.settle(20)
    assert keys(stream) == ["1", "3"]


def test_a_stream_that_refuses_such_records_is_said_before_anything_else_is_taken(opened, stream) -> None:
    log = opened()
    stream.error = InvalidInputError("brokers stamp records by their own clock")
    log.append([record(1)])

    def refused() -> bool:
        try:
            log.append([record(2)])
        except InvalidInputError as error:
            return "own clock" in str(error)
        return False

    until(refused)
    assert log.waiting().records >= 1


def test_what_a_process_left_is_taken_up_by_the_next_and_by_nobody_while_it_lives(opened, stream) -> None:
    first, second = opened(), opened()
    stream.error = UnavailableError("gone")
    first.append([record(1), record(2)])
    second.start()
    assert second.waiting().records == 0
    first.close(0)
    until(lambda: second.waiting().records == 2)
    stream.error = None
    assert second.settle(20)
    assert keys(stream) == ["1", "2"]


def test_a_process_that_was_killed_left_whole_records_and_none_comes_twice(opened, stream, tmp_path) -> None:
    program = """
import os, signal, sys
from pathlib import Path
from mlinfra_assets.streams.write_ahead.frames import to_frame
from mlinfra_assets.streams.write_ahead.segment import Segment
segment = Segment.create(Path(sys.argv[1]))
segment.write(b"".join(to_frame(str(n).encode(), b"v", None) for n in range(30)), 30)
with open(segment.path, "ab") as torn:
    torn.write(to_frame(b"30", b"v", None)[:-3])
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program, str(tmp_path / "files")], check=False)
    assert done.returncode == -9
    log = opened()
    log.start()
    until(lambda: len(keys(stream)) == 30)
    log.append([record(31)])
    assert log.settle(20)
    assert keys(stream) == [*map(str, range(30)), "31"]
    log.close()
    opened().start()
    assert keys(stream) == [*map(str, range(30)), "31"]


def test_a_damaged_record_in_the_middle_leaves_the_others_and_a_copy(opened, stream, tmp_path, caplog) -> None:
    segment = Segment.create(tmp_path / "files")
    framed = [to_frame(str(n).encode(), b"v", None) for n in range(3)]
    segment.write(b"".join(framed), 3)
    os.pwrite(segment._descriptor, b"x", HEAD_BYTES + len(framed[0]) + len(framed[1]) - 1)
    segment.close()
    log = opened()
    log.start()
    assert log.settle(20)
    assert keys(stream) == ["0", "2"]
    assert "damaged in 1 places" in caplog.text
    assert segment.path.with_suffix(".damaged").exists()


def test_what_a_stream_acknowledged_and_lost_is_sent_again(opened, stream, client, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(drain, "SETTLE_SECONDS", 0.0)
    segment = Segment.create(tmp_path / "files")
    segment.write(b"".join(to_frame(str(n).encode(), b"v", None) for n in range(3)), 3)
    segment.sealed = True
    while drain.send(stream, TOPIC, segment):
        pass
    client.delete(PREFIX + TOPIC)
    assert not drain.settled(stream, TOPIC, segment)
    assert keys(stream) == ["0", "1", "2"]
    assert drain.settled(stream, TOPIC, segment)
    segment.remove()


def test_a_file_goes_when_the_stream_has_had_time(opened, stream, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("mlinfra_assets.streams.write_ahead.log.SETTLE_SECONDS", 0.1)
    monkeypatch.setattr("mlinfra_assets.streams.write_ahead.log.LOOK_SECONDS", 0.02)
    monkeypatch.setattr(drain, "SETTLE_SECONDS", 0.1)
    log = opened()
    log.append([record(1)])
    until(lambda: not list((tmp_path / "files").iterdir()))
    log.append([record(2)])
    assert log.settle(20)
    assert keys(stream) == ["1", "2"]


def test_a_folder_that_cannot_be_written_takes_nothing(tmp_path, stream) -> None:
    (tmp_path / "files").write_text("not a folder")
    log = WriteAheadLog(stream, TOPIC, tmp_path / "files", LARGE)
    with pytest.raises(UnavailableError, match="records cannot be kept"):
        log.append([record(1)])
    log.close(0)
    assert keys(stream) == []
