"""The plain way answers what the documented route answers, byte for byte; the views of an answer are of one moment."""

from __future__ import annotations

import threading

import httpx
import pytest

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.online.push import SLACK
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.positions import Positions
from mlinfra_assets.serving import plain
from mlinfra_assets.serving.features import read_features
from tests.support.online import epoch_of, push
from tests.support.served_shop import HABITS, KEYS, LINES, NOW, OTHER, VIEW, with_features

HABIT_VIEW = with_features(VIEW, HABITS)
LISTS = [
    [f"{VIEW.name}:{name}" for name in HABITS],
    [f"{OTHER.name}", f"{VIEW.name}:{HABITS[0]}"],
    [f"{VIEW.name}:{HABITS[1]}", f"{OTHER.name}:orders", f"{VIEW.name}:{HABITS[0]}", f"{OTHER.name}:orders"],
]


@pytest.fixture
def answered(monkeypatch) -> list[int]:
    """How many requests went the plain way."""
    seen: list[int] = []
    whole = plain._json

    def counting(*args):
        seen.append(1)
        return whole(*args)

    monkeypatch.setattr(plain, "_json", counting)
    return seen


def both(api: httpx.Client, features: list[str], entities: list[dict]) -> tuple[httpx.Response, httpx.Response]:
    body = {"features": features, "entities": entities}
    # `details` is not of the plain form.
    return api.post("/v1/features", json=body), api.post("/v1/features", json={**body, "details": False})


@pytest.mark.parametrize("features", LISTS)
def test_the_plain_way_answers_as_the_route_does(loaded, api, answered, features):
    entities = [{"customer_id": key} for key in [*KEYS, 10**15, KEYS[0]]]
    both(api, features, entities)  # what was never read goes the other way first
    answered.clear()
    one, other = both(api, features, entities)
    assert answered == [1]
    assert one.status_code == 200
    assert one.content == other.content
    assert one.headers["content-type"] == other.headers["content-type"]


@pytest.mark.parametrize(
    "entities",
    [
        [{"customer_id": 1.5}], [{"customer_id": True}], [{"customer_id": None}], [{"customer_id": 2**63}], [{}],
        [{"customer_id": "1"}], [{"customer_id": 1, "other": 2}], [{"customer": 1}], [[1]], [], {"customer_id": 1},
        [{"customer_id": 1}, {"customer_id": "x" * 2000}],
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_as_the_route_says_it(loaded, api, answered, entities):
    both(api, LISTS[0], [{"customer_id": KEYS[0]}])
    answered.clear()
    one, other = both(api, LISTS[0], entities)
    assert not answered
    assert (one.status_code, one.content) == (other.status_code, other.content)
    assert one.status_code == 422


@pytest.mark.parametrize("features", [[], ["nothing:here"], ["customer_features:"], [1], "x", ["a" * 300]])
def test_unknown_features_are_said_as_the_route_says_it(loaded, api, answered, features):
    one, other = both(api, features, [{"customer_id": KEYS[0]}])
    assert not answered
    assert (one.status_code, one.content) == (other.status_code, other.content)
    assert one.status_code in {404, 422}


def test_a_changed_base_is_refused_on_the_plain_way_too(loaded, api, client):
    both(api, LISTS[0], [{"customer_id": KEYS[0]}])
    (bases,) = [key for key in client.keys("mlinfra:online:{customer_features}:*") if client.type(key) == b"hash"]
    for field, base in client.hgetall(bases).items():
        client.hset(bases, field, base[:-1] + bytes([base[-1] ^ 1]))
    for answer in both(api, LISTS[0], [{"customer_id": KEYS[0]}]):
        assert answer.status_code == 503
        assert "push it again" in answer.json()["error"]["message"]


def test_an_emptied_redis_is_not_loaded_on_the_plain_way_too(loaded, api, client):
    both(api, LISTS[0], [{"customer_id": KEYS[0]}])
    client.flushall()
    for answer in both(api, LISTS[0], [{"customer_id": KEYS[0]}]):
        assert answer.status_code == 503


def test_the_views_of_an_answer_are_of_one_moment_whatever_is_pushed_meanwhile(store: OnlineStore, client):
    offsets = sorted(LINES["_offset"].unique().to_list())
    cuts = offsets[len(offsets) // 2 :: max(1, len(offsets) // 24)]
    views = (HABIT_VIEW, OTHER)
    references = [view.name for view in views]
    entities = [{"customer_id": key} for key in KEYS]
    t = max(to_micros(NOW), epoch_of(LINES) - SLACK)

    def push_both(into: OnlineStore, offset: int) -> None:
        for view in views:
            push(into, view, LINES, Positions({0: offset}, releases=2))

    expected = {}
    for offset in cuts:
        push_both(store, offset)
        found = read_features(store, references, entities, t)
        expected[offset] = {name: [one.vectors[name].values for one in found] for name in references}
    client.flushall()
    push_both(store, cuts[0])
    pusher = threading.Thread(target=lambda: [push_both(OnlineStore(client), offset) for offset in cuts[1:]])
    pusher.start()
    reads = 0
    while pusher.is_alive() or reads == 0:
        found = read_features(store, references, entities, t)
        at = {}
        for view in views:
            marks = {one.vectors[view.name].watermark["source"].offsets[0] for one in found}
            assert len(marks) == 1
            at[view.name] = marks.pop()
            assert [one.vectors[view.name].values for one in found] == expected[at[view.name]][view.name]
        # The first view is pushed before the second: it is never behind, and at most one push ahead.
        ahead = cuts.index(at[views[0].name]) - cuts.index(at[views[1].name])
        assert ahead in {0, 1}
        reads += 1
    pusher.join()
