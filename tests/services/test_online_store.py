"""The online store on a real Redis server: scripts, guard and switch do not depend on its version."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import redis

from mlinfra_assets.feature_store.online import push as pushing
from mlinfra_assets.feature_store.online.errors import NotLoadedError, PushLostError, StalePushError
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.positions import Positions
from mlinfra_assets.redis_server import connect
from mlinfra_assets.settings import Settings
from tests.support.online import SOURCE, bits, covered, epoch_of, offline, push
from tests.support.served_shop import HABITS, KEYS, LINES, VIEW, with_features

pytestmark = pytest.mark.service("redis")

HABIT_VIEW = with_features(VIEW, HABITS)
OFFSETS = LINES["_offset"].unique().sort().to_list()
WATERMARKS = [Positions({0: OFFSETS[len(OFFSETS) * part // 8 - 1]}) for part in range(1, 9)]


@pytest.fixture
def client(redis_url: str, tmp_path) -> Iterator[redis.Redis]:
    client = connect(Settings(home=tmp_path, redis_url=redis_url))
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def store(client: redis.Redis) -> OnlineStore:
    return OnlineStore(client)


def assert_is(store: OnlineStore, watermark: Positions) -> None:
    t = epoch_of(LINES)
    for key, vector in zip(KEYS, store.read(VIEW.name, [(key,) for key in KEYS], t), strict=True):
        expected, _ = offline(HABIT_VIEW, LINES, watermark, (key,), t)
        assert vector.watermark == {SOURCE: watermark}
        assert {n: bits(v) for n, v in vector.values.items()} == {n: bits(v) for n, v in expected.items()}


def test_what_is_served_is_what_the_engine_computes(store):
    for watermark in WATERMARKS[-2:]:
        push(store, HABIT_VIEW, LINES, watermark)
        assert_is(store, watermark)
    with pytest.raises(StalePushError):
        push(store, HABIT_VIEW, LINES, WATERMARKS[0])


def test_of_pushes_at_the_same_time_the_newest_stays_and_readers_see_whole_ones_only(store, monkeypatch):
    monkeypatch.setattr(pushing, "BATCH_ENTITIES", 3)
    push(store, HABIT_VIEW, LINES, WATERMARKS[0])
    failures: list[BaseException] = []
    seen: set[str] = set()
    done = threading.Event()

    def write(watermark: Positions) -> None:
        try:
            push(store, HABIT_VIEW, LINES, watermark)
        except StalePushError:
            pass
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    def look() -> None:
        while not done.is_set():
            vectors = store.read(VIEW.name, [(key,) for key in KEYS], epoch_of(LINES))
            watermarks = {str(vector.watermark[SOURCE]) for vector in vectors}
            if len(watermarks) != 1:
                failures.append(AssertionError(watermarks))
            seen.update(watermarks)

    writers = [threading.Thread(target=write, args=(w,)) for w in reversed(WATERMARKS) for _ in range(2)]
    reader = threading.Thread(target=look)
    reader.start()
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    done.set()
    reader.join()
    assert failures == []
    assert seen <= {str(watermark) for watermark in WATERMARKS}
    assert_is(store, WATERMARKS[-1])


def test_a_redis_that_is_emptied_is_not_loaded_and_fills_again(store, client, monkeypatch):
    monkeypatch.setattr(pushing, "BATCH_ENTITIES", 5)
    push(store, HABIT_VIEW, LINES, WATERMARKS[-1])
    client.flushdb()
    with pytest.raises(NotLoadedError):
        store.read(VIEW.name, [(KEYS[0],)], epoch_of(LINES))
    with pytest.raises(PushLostError):
        push(store, HABIT_VIEW, LINES, WATERMARKS[-1], lambda *_: client.flushdb())
    push(store, HABIT_VIEW, LINES, WATERMARKS[-1])
    assert_is(store, WATERMARKS[-1])
    assert store.views()[0].entities == covered(LINES, WATERMARKS[-1])["customer_id"].drop_nulls().n_unique()
