"""A push that is killed (SIGKILL) anywhere: what is served is one whole push, and the next push sets it right."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from mlinfra_assets.feature_store.online.errors import NotLoadedError, PushLostError, StalePushError
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.positions import Positions
from mlinfra_assets.redis_server import connect
from mlinfra_assets.settings import Settings
from tests.support.online import SOURCE, bits, epoch_of, offline, push
from tests.support.served_shop import HABITS, KEYS, LINES, VIEW, with_features

HABIT_VIEW = with_features(VIEW, HABITS)
OFFSETS = LINES["_offset"].unique().sort().to_list()
HALF, WHOLE = Positions({0: OFFSETS[len(OFFSETS) // 2]}), Positions({0: OFFSETS[-1]})
PROJECT = Path(__file__).parents[2]

PUSHER = """
import sys
from pathlib import Path
from mlinfra_assets.feature_store.online import push as pushing
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.positions import Positions
from mlinfra_assets.redis_server import connect
from mlinfra_assets.settings import Settings
from tests.support.online import push
from tests.support.served_shop import HABITS, LINES, VIEW, with_features

pushing.BATCH_ENTITIES = 4
store = OnlineStore(connect(Settings(home=Path(sys.argv[1]))))
push(store, with_features(VIEW, HABITS), LINES, Positions({0: int(sys.argv[2])}))
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def client(home: Path) -> redis.Redis:
    return connect(Settings(home=home))


def push_and_die(home: Path, watermark: Positions, point: str) -> None:
    command = [sys.executable, "-c", PUSHER, str(home), str(watermark.offsets[0])]
    ended = subprocess.run(
        command, cwd=PROJECT, env={**os.environ, "MLINFRA_KILL_AT": point}, capture_output=True, text=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def assert_served(client: redis.Redis, watermark: Positions) -> None:
    t = epoch_of(LINES)
    vectors = OnlineStore(client).read(VIEW.name, [(key,) for key in KEYS], t)
    for key, vector in zip(KEYS, vectors, strict=True):
        expected, _ = offline(HABIT_VIEW, LINES, watermark, (key,), t)
        assert vector.watermark == {SOURCE: watermark}
        assert {n: bits(v) for n, v in vector.values.items()} == {n: bits(v) for n, v in expected.items()}


@pytest.mark.parametrize(
    ("point", "served"),
    [
        ("online.after_batch:1", HALF),
        ("online.after_batch:5", HALF),
        ("online.before_switch", HALF),
        ("online.after_switch", WHOLE),
    ],
)
def test_a_killed_push_leaves_one_whole_push_and_the_next_sets_it_right(home, client, point, served):
    push(OnlineStore(client), HABIT_VIEW, LINES, HALF)
    push_and_die(home, WHOLE, point)
    assert_served(client, served)
    push(OnlineStore(client), HABIT_VIEW, LINES, WHOLE)
    assert_served(client, WHOLE)
    assert len(client.keys("mlinfra:online:{customer_features}:*")) == 1  # pyright: ignore[reportArgumentType]


def test_the_older_of_two_pushers_changes_nothing_when_it_comes_last(home, client):
    push_and_die(home, HALF, "online.after_batch:2")
    store = OnlineStore(client)
    push(store, HABIT_VIEW, LINES, WHOLE)
    with pytest.raises(StalePushError):
        push(store, HABIT_VIEW, LINES, HALF)
    assert_served(client, WHOLE)


def server_pid(client: redis.Redis) -> int:
    return int(client.info("server")["process_id"])  # pyright: ignore[reportIndexIssue]


def test_a_killed_redis_comes_back_with_a_whole_push(home, client):
    push(OnlineStore(client), HABIT_VIEW, LINES, HALF)
    push_and_die(home, WHOLE, "online.after_batch:3")
    os.kill(server_pid(client), signal.SIGKILL)
    again = connect(Settings(home=home))
    assert_served(again, HALF)
    push(OnlineStore(again), HABIT_VIEW, LINES, WHOLE)
    assert_served(again, WHOLE)


def test_a_redis_that_comes_back_empty_in_the_middle_of_a_push_is_noticed(home, client, monkeypatch):
    monkeypatch.setattr("mlinfra_assets.feature_store.online.push.BATCH_ENTITIES", 4)
    store = OnlineStore(client)

    def restart_empty(done: int, _: int) -> None:
        if done == 8:
            client.shutdown(nosave=True)
            for file in (home / "redis").glob("*.aof"):
                file.unlink()
            connect(Settings(home=home))

    with pytest.raises(PushLostError, match="push again"):
        push(store, HABIT_VIEW, LINES, WHOLE, restart_empty)
    with pytest.raises(NotLoadedError):
        store.read(VIEW.name, [(KEYS[0],)], epoch_of(LINES))
    push(store, HABIT_VIEW, LINES, WHOLE)
    assert_served(client, WHOLE)
