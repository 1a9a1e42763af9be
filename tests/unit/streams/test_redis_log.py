"""Against the embedded server; `tests/services/test_redis_streams.py` runs the same behaviour on a Redis server."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
import redis

from mlinfra_assets.embedded_redis import EmbeddedRedis
from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.stream_behaviour import AT, StreamBehaviour, values


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    made = EmbeddedRedis(tmp_path_factory.mktemp("home") / "redis", maxmemory="64mb")
    made.acquire()
    yield made
    made.release()


@pytest.fixture
def client(server: EmbeddedRedis) -> Iterator[redis.Redis]:
    with server.client() as made:
        made.flushall()
        yield made


class TestEmbedded(StreamBehaviour):
    pass


@pytest.mark.parametrize("at", [AT, None])
def test_a_full_server_refuses_the_batch_and_can_still_be_read_and_trimmed(
    client: redis.Redis, at: datetime | None
) -> None:
    log = RedisLog(client)
    log.append("lines", [NewRecord(b"kept")], at=AT)
    client.config_set("maxmemory", "100kb")
    with pytest.raises(UnavailableError, match="is full and evicts nothing: raise MLINFRA_REDIS_MAXMEMORY"):
        log.append("lines", [NewRecord(b"refused")] * 3, at=at)
    assert values(log, "lines") == [b"kept"]
    assert log.trim("lines", log.end("lines")) == 1
    client.config_set("maxmemory", "64mb")
    log.append("lines", [NewRecord(b"accepted")], at=at)
    assert values(log, "lines", {0: log.end("lines")[0] - 1}) == [b"accepted"]
