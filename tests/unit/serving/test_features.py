from __future__ import annotations

import json
from datetime import timedelta

import orjson
import pytest

from mlinfra_assets.clock import to_micros
from mlinfra_assets.serving.features import read_features
from tests.support.online import SOURCE, bits, offline
from tests.support.served_shop import HABITS, KEYS, LINES, NOW, OTHER, VIEW, WHOLE, with_features


def ask(api, features, *entities):
    return api.post("/v1/features", json={"features": features, "entities": list(entities)})


def test_values_are_those_of_the_engine_at_this_moment_bit_for_bit(api, loaded):
    references = [f"customer_features:{name}" for name in HABITS]
    answer = ask(api, references, *({"customer_id": key} for key in KEYS))
    assert answer.status_code == 200
    for key, result in zip(KEYS, orjson.loads(answer.content)["results"], strict=True):
        expected, _ = offline(with_features(VIEW, HABITS), LINES, WHOLE, (key,), to_micros(NOW))
        assert result["entity"] == {"customer_id": key}
        assert list(result["features"]) == references
        assert [bits(v) for v in result["features"].values()] == [bits(expected[name]) for name in HABITS]


def test_the_answer_says_what_the_values_rest_on(api, loaded):
    (result,) = ask(api, ["customer_features"], {"customer_id": KEYS[0]}).json()["results"]
    state = result["views"]["customer_features"]
    assert state["status"] == "present"
    assert state["watermark"] == {SOURCE: {"offsets": {"0": 10**9}, "releases": 2}}
    assert state["version"] == loaded.views()[0].version
    assert result["scores"] == {"churn": "v1"}
    assert list(result["features"]) == [f"customer_features:{f.name}" for f in VIEW.features]


def test_features_of_several_views_come_in_the_order_asked(api, loaded):
    references = ["other_features:returned", "customer_features:orders", "other_features:orders"]
    (result,) = ask(api, references, {"customer_id": KEYS[0]}).json()["results"]
    assert list(result["features"]) == references
    assert set(result["views"]) == {"customer_features", "other_features"}


def test_an_entity_never_seen_has_nulls_and_says_so(api, loaded):
    (result,) = ask(api, ["customer_features"], {"customer_id": 1}).json()["results"]
    assert set(result["features"].values()) == {None}
    assert result["views"]["customer_features"]["status"] == "not_found"
    assert result["views"]["customer_features"]["latest_event"] is None


def test_windows_slide_while_nothing_is_pushed(api, loaded, clock):
    before = ask(api, ["customer_features:purchase_frequency_30d"], {"customer_id": KEYS[0]}).json()
    clock.set(NOW + timedelta(days=60))
    after = ask(api, ["customer_features:purchase_frequency_30d"], {"customer_id": KEYS[0]}).json()
    name = "customer_features:purchase_frequency_30d"
    assert before["results"][0]["features"][name] > after["results"][0]["features"][name] == 0
    assert before["at"] < after["at"]


@pytest.mark.parametrize(
    ("features", "entity", "status", "message"),
    [
        (["customer_feature"], {"customer_id": 1}, 404, "did you mean 'customer_features'"),
        (["customer_features:order"], {"customer_id": 1}, 404, "did you mean 'orders'"),
        (["customer_features", "customer_features:order"], {"customer_id": 1}, 404, "did you mean 'orders'"),
        (["customer_features:"], {"customer_id": 1}, 422, "names no feature"),
        ([":orders"], {"customer_id": 1}, 422, "names no feature"),
        (["customer_features"], {}, 422, "entities.0 lacks customer_id"),
        (["customer_features"], {"customer": 1}, 422, "entities.0 lacks customer_id"),
        (["customer_features"], {"customer_id": 1, "custom_id": 2}, 422, "did you mean 'customer_id'"),
        (["customer_features"], {"customer_id": "17850"}, 422, "customer_id is an integer, not '17850'"),
        (["customer_features"], {"customer_id": 2**63}, 422, "does not fit in 64 bits"),
    ],
)
def test_what_cannot_be_answered_is_said(api, loaded, features, entity, status, message):
    answer = ask(api, features, entity)
    assert answer.status_code == status
    assert message in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "JSON"),
        (b"[]", "body"),
        (b'{"features": ["v"]}', "entities: Field required"),
        (b'{"features": [], "entities": [{"a": 1}]}', "features: List should have at least 1 item"),
        (b'{"features": ["v"], "entities": [{"a": NaN}]}', "entities.0.a"),
        (b'{"features": ["v"], "entities": [{"a": 1.5}]}', "entities.0.a"),
        (b'{"features": ["v"], "entities": [{"a": true}]}', "entities.0.a"),
        (b'{"features": ["v"], "entities": [{"a": null}]}', "entities.0.a"),
        (b'{"features": ["v"], "entities": [{"a": "\\ud800"}]}', "entities.0.a"),
        (b'{"features": ["v"], "entities": [{"a": 1}], "when": 5}', "when: Extra inputs"),
        (json.dumps({"features": ["v"], "entities": [{"a": 1}] * 1001}).encode(), "at most 1000 items"),
        (b'{"features": ["v"], "entities": [{"a": ' + b"9" * 5_000 + b"}]}", ""),
        (b"[" * 100_000, ""),
    ],
)
def test_a_malformed_request_gets_reasons(api, loaded, body, reason):
    answer = api.post("/v1/features", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 422}
    assert reason in json.dumps(answer.json()["error"])


def test_scores_and_vectors_of_several_views_meet_per_entity(loaded):
    entities = [{"customer_id": key} for key in KEYS[:3]]
    found = read_features(loaded, ["customer_features", f"{OTHER.name}:orders"], entities, to_micros(NOW))
    assert [one.entity for one in found] == entities
    assert [one.scores for one in found] == [{"churn": "v1"}] * 3
