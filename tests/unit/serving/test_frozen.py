"""While a breaker is open the API goes on serving, and says which views are frozen, why, and how old they are."""

from __future__ import annotations

import pytest

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.online.frozen import OpenBreaker
from tests.support.online import SOURCE, epoch_of
from tests.support.served_shop import KEYS, LINES, NOW

OPEN = OpenBreaker(to_micros(NOW) - 60_000_000, "few bad", "half of the batch is bad")
AGE = (to_micros(NOW) - epoch_of(LINES)) / 1_000_000


def ask(api):
    return api.post("/v1/features", json={"features": ["customer_features"], "entities": [{"customer_id": KEYS[0]}]})


def predict(api):
    return api.post("/v1/predict/churn", json={"entities": [{"customer_id": KEYS[0]}]})


def test_nothing_is_said_while_all_breakers_are_closed(api, loaded):
    for answer in (ask(api), predict(api)):
        assert answer.json()["frozen"] == {}
        assert "x-mlinfra-frozen" not in answer.headers


@pytest.mark.parametrize("subject", [f"source/{SOURCE}", "view/customer_features"])
def test_the_same_values_are_served_with_why_and_how_old(api, loaded, subject):
    before = ask(api).json()["results"]
    loaded.breakers.put(1, {subject: OPEN})
    for answer in (ask(api), predict(api)):
        assert answer.status_code == 200
        assert answer.headers["x-mlinfra-frozen"] == "customer_features"
        frozen = answer.json()["frozen"]["customer_features"]
        assert frozen["breakers"][subject]["why"] == "half of the batch is bad"
        assert frozen["age_seconds"] == AGE
    assert ask(api).json()["results"] == before
    ready = api.get("/health/ready").json()["views"]["customer_features"]
    assert list(ready["open_breakers"]) == [subject]


def test_breakers_of_others_freeze_nothing_here(api, loaded):
    loaded.breakers.put(1, {"source/elsewhere": OPEN, "view/other_features": OPEN})
    assert ask(api).json()["frozen"] == {}


def test_what_is_older_never_replaces_what_is_newer(store):
    store.breakers.put(2, {})
    store.breakers.put(1, {"source/s": OPEN})
    assert store.breakers.all() == {}
    store.breakers.put(3, {"source/s": OPEN})
    assert store.breakers.all() == {"source/s": OPEN}
