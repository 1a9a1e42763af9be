"""The stream log on a Redis server of its own, in a database that the test empties."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.redis_server import connect
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.entry_id import from_offset
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.redis_log import PREFIX, RedisLog
from tests.support.lacking import lacks
from tests.support.stream_behaviour import AT, StreamBehaviour, values

pytestmark = pytest.mark.service("redis")


@pytest.fixture
def client(tmp_path: Path, redis_url: str) -> Iterator[redis.Redis]:
    with connect(Settings(home=tmp_path, redis_url=redis_url)) as made:
        made.flushdb()
        yield made
        made.flushdb()


class TestServer(StreamBehaviour):
    pass


def test_a_record_that_was_deleted_by_hand_is_noticed(client: redis.Redis) -> None:
    if int(str(client.info("server")["redis_version"]).split(".")[0]) < 7:  # pyright: ignore[reportIndexIssue]
        lacks("Redis remembers deleted entries from version 7 on")
    log = RedisLog(client)
    positions = log.append("lines", [NewRecord(b"%d" % n) for n in range(3)], at=AT)
    client.xdel(PREFIX + "lines", from_offset(positions[1][1]))
    with pytest.raises(UnavailableError, match="is lost here"):
        values(log, "lines")
    assert values(log, "lines", {0: positions[1][1]}) == [b"2"]


def test_nothing_is_started_for_a_server_by_address(tmp_path: Path, client: redis.Redis) -> None:
    assert client.ping()
    assert not (tmp_path / "redis").exists()
