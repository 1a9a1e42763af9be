"""A hook that cannot reach Redis says so in a check, and what is missing is pushed later."""

from __future__ import annotations

import pytest

from mlinfra_assets.learning.store import ModelStore
from resources.redis import OnlineStoreResource
from tests.support.closed_port import closed_redis_url
from tests.support.curated_rows import publish_more
from tests.support.platform import Platform

VIEW = "customer_features"


@pytest.fixture
def unreachable(platform: Platform) -> dict[str, OnlineStoreResource]:
    return {"online_store": OnlineStoreResource(home=str(platform.settings.home), redis_url=closed_redis_url())}


def test_the_run_succeeds_and_the_check_fails(platform: Platform, unreachable: dict) -> None:
    publish_more(platform.lake)
    online = platform.served()

    result = platform.snapshot(VIEW, platform.newest_day(VIEW), resources=unreachable)

    assert result.success
    found = platform.check(("online", VIEW), "pushed")
    assert found is not None
    assert not found.passed
    assert "cannot be reached" in str(found.metadata["error"].value)
    assert found.metadata["run"].value == result.run_id
    assert platform.served() == online


def test_what_was_not_pushed_is_asked_for_and_repaired(platform: Platform, unreachable: dict) -> None:
    assert platform.asked("online_repair") == []
    watermark = publish_more(platform.lake)
    platform.snapshot(VIEW, platform.newest_day(VIEW), resources=unreachable)
    before = platform.served()

    assert platform.asked("online_repair") == [[f"online/{VIEW}"]]
    assert platform.run(("online", VIEW)).success

    after = platform.served()
    assert after[VIEW][2] == {"order_lines": watermark}
    assert {name: after[name] for name in after if name != VIEW} == {
        name: before[name] for name in before if name != VIEW
    }
    found = platform.check(("online", VIEW), "pushed")
    assert found is not None
    assert found.passed
    assert platform.asked("online_repair") == []


def test_a_model_that_was_not_pushed_is_asked_for(platform: Platform, unreachable: dict) -> None:
    platform.redis.delete("mlinfra:online:model:churn")

    assert platform.run(("models", "churn"), resources=unreachable).success

    found = platform.check(("online", "churn"), "pushed")
    assert found is not None
    assert not found.passed
    assert platform.asked("online_repair") == [["online/churn"]]
    assert platform.run(("online", "churn")).success
    production = ModelStore(platform.lake, "churn").production()
    assert production is not None
    assert platform.store.model_version("churn") == production.version


def test_a_sensor_that_cannot_reach_redis_says_so(platform: Platform, unreachable: dict) -> None:
    said = platform.tick("online_repair", resources=unreachable)

    assert not said.run_requests
    assert "cannot be reached" in (said.skip_message or "")
