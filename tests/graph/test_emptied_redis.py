"""A Redis that was emptied is no shop without customers: it says so, and is filled again with the same values."""

from __future__ import annotations

import pytest

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.online.errors import NotLoadedError
from mlinfra_assets.feature_store.online.store import OnlineStore
from tests.support.platform import Platform

VIEWS = ("customer_features", "customer_product_features", "product_features")


def answers(platform: Platform) -> dict[str, list[str]]:
    """What is served of each view, for every entity of its newest snapshot; floats by their exact digits."""
    t, found = to_micros(platform.clock.now()), {}
    for view in VIEWS:
        day = platform.newest_day(view)
        keys = list(platform.store.view(view).join_keys)
        rows = platform.rows(f"features/{view}", columns=keys, where=[("day", "==", day)]).sort(keys)
        found[view] = [
            repr((v.status, v.values, v.event_time, v.watermark, v.scores))
            for v in platform.store.read(view, rows.rows(), t)
        ]
    return found


def test_an_emptied_redis_is_not_loaded_and_is_rebuilt_with_the_same_values(platform: Platform) -> None:
    before = answers(platform)
    assert any("present" in value for value in before["customer_features"])
    platform.redis.flushall()

    for store in (platform.store, OnlineStore(platform.redis)):
        with pytest.raises(NotLoadedError, match="materialize online/"):
            store.read("customer_features", [(12345,)], to_micros(platform.clock.now()))
        with pytest.raises(NotLoadedError, match="materialize online/churn"):
            store.model("churn")

    wanted = [sorted([*(f"online/{view}" for view in VIEWS), "online/churn"])]
    assert platform.asked("online_repair") == wanted
    assert platform.run(*(tuple(key.split("/")) for key in wanted[0])).success
    assert answers(platform) == before
    assert platform.asked("online_repair") == []
