from __future__ import annotations

import pytest

from mlinfra_assets.feature_store.online.errors import UnknownServiceError
from mlinfra_assets.feature_store.online.services import OnlineService, OnlineServices
from tests.support.online import client, redis_server

__all__ = ["client", "redis_server"]

HABITS = OnlineService("habits", "v1", ("customers:orders", "customers:spent"), "team:retention", "What they do.")
AT = OnlineService("at", "v1", ("customers:orders",))


def test_what_was_put_is_what_is_there(client):
    services = OnlineServices(client)
    services.put(10, [HABITS, AT])
    assert services.all() == [AT, HABITS]
    assert services.get("at") == AT


def test_what_was_declared_later_replaces_all_of_it_and_what_was_earlier_changes_nothing(client):
    services = OnlineServices(client)
    services.put(10, [HABITS])
    services.put(9, [AT])
    assert services.all() == [HABITS]
    services.put(11, [AT])
    assert services.all() == [AT]
    services.put(12, [])
    assert services.all() == []


def test_an_unknown_one_is_refused_with_the_nearest(client):
    services = OnlineServices(client)
    with pytest.raises(UnknownServiceError, match=r"there is no feature service 'habit' online$"):
        services.get("habit")
    services.put(10, [HABITS])
    with pytest.raises(UnknownServiceError, match="did you mean 'habits'"):
        services.get("habit")
