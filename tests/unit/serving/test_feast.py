"""Feast's protocol as we answer it; tests/services holds it against Feast's own client and server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store import Entity, FeatureStore, request
from mlinfra_assets.feature_store.online.services import OnlineService
from tests.support.online import push
from tests.support.served_shop import KEYS, LINES, NOW, WHOLE
from tests.support.shop_lines import LINES as DATASET


def ask(api, features, entities, **more):
    return api.post("/get-online-features", json={"features": features, "entities": entities, **more})


def columns(answer) -> dict[str, dict]:
    assert answer.status_code == 200, answer.text
    found = answer.json()
    return dict(zip(found["metadata"]["feature_names"], found["results"], strict=True))


def test_values_are_those_of_our_own_address(api, loaded):
    references = ["customer_features:orders", "other_features:returned", "customer_features:recency_days"]
    asked = {"features": references, "entities": [{"customer_id": key} for key in KEYS]}
    own = [one["features"] for one in api.post("/v1/features", json=asked).json()["results"]]
    found = columns(ask(api, references, {"customer_id": KEYS}, full_feature_names=True))
    assert list(found) == [
        "customer_id",
        *(r.replace(":", "__") for r in [references[0], references[2], references[1]]),
    ]
    for reference in references:
        assert found[reference.replace(":", "__")]["values"] == [one[reference] for one in own]


def test_a_status_says_why_there_is_no_value(api, loaded, clock):
    found = columns(ask(api, ["customer_features:orders", "customer_features:returned"], {"customer_id": [*KEYS, 1]}))
    returned = dict(zip([*KEYS, 1], zip(*found["returned"].values(), strict=True), strict=True))
    assert {status for _, status, _ in returned.values()} == {"PRESENT", "NULL_VALUE", "NOT_FOUND"}
    for value, status, _ in returned.values():
        assert (value is None) == (status != "PRESENT")
    assert returned[1] == (None, "NOT_FOUND", "1970-01-01T00:00:00Z")
    clock.set(NOW + timedelta(days=400))
    late = columns(ask(api, ["customer_features:orders"], {"customer_id": KEYS[:1]}))["orders"]
    assert (late["values"], late["statuses"]) == ([None], ["OUTSIDE_MAX_AGE"])


def test_event_timestamps_are_those_of_the_latest_row_in_protobufs_form(api, loaded):
    column = columns(ask(api, ["customer_features:orders"], {"customer_id": KEYS}))["orders"]
    for key, text in zip(KEYS, column["event_timestamps"], strict=True):
        latest = LINES.filter(LINES["customer_id"] == key)["_event_time"].max()
        assert datetime.fromisoformat(text) == latest
        assert len(text.partition(".")[2]) in {0, 4, 7}


def basket_view():
    def basket(stg_order_lines):
        return {
            "over_average": request("basket", "float64") > stg_order_lines["line_amount"].mean(),
            "named": request("name", "string") == "x",
        }

    declared = FeatureStore({DATASET.name: DATASET})
    entity = Entity("customer", join_keys=["customer_id"])
    return declared.create_feature_view("basket_features", [entity], online=True)(basket)


def test_request_values_come_as_columns(api, store):
    push(store, basket_view(), LINES, WHOLE)
    asked = {"customer_id": KEYS[:2], "basket": [1e9, -1e9]}
    found = columns(ask(api, ["basket_features:over_average"], asked))
    assert list(found) == ["customer_id", "over_average"]
    assert found["over_average"]["values"] == [True, False]


def test_text_that_is_no_unicode_is_refused(api, store):
    push(store, basket_view(), LINES, WHOLE)
    body = b'{"features": ["basket_features:named"], "entities": {"customer_id": [1], "name": ["\\ud800"]}}'
    answer = api.post("/get-online-features", content=body, headers={"content-type": "application/json"})
    assert (answer.status_code, "the request value 'name'" in answer.json()["error"]["message"]) == (422, True)


def test_times_are_whole_seconds_as_feast_writes_them(api, store):
    def times(stg_order_lines):
        lines = stg_order_lines
        return {"last_at": lines["invoiced_at"].last(), "codes": lines["stock_code"].last_n(2)}

    declared = FeatureStore({DATASET.name: DATASET})
    view = declared.create_feature_view("times", [Entity("customer", join_keys=["customer_id"])], online=True)(times)
    push(store, view, LINES, WHOLE)
    found = columns(ask(api, ["times:last_at", "times:codes"], {"customer_id": KEYS[:1]}))
    latest: Any = LINES.filter(LINES["customer_id"] == KEYS[0])["invoiced_at"].max()
    assert found["last_at"]["values"] == [to_micros(latest) // 1_000_000]
    assert len(found["codes"]["values"][0]) == 2


def test_a_feature_service_is_asked_by_name(api, loaded):
    references = ("other_features:orders", "customer_features:recency_days")
    loaded.services.put(5, [OnlineService("habits", "1", references, "team:retention")])
    entities = [{"customer_id": KEYS[0]}]
    body = {"feature_service": "habits", "entities": {"customer_id": KEYS[:1]}}
    assert list(columns(api.post("/get-online-features", json=body))) == ["customer_id", "orders", "recency_days"]
    named = api.post("/v1/features", json={"service": "habits", "entities": entities}).json()
    listed = api.post("/v1/features", json={"features": list(references), "entities": entities}).json()
    assert named == listed
    answer = api.post("/v1/features", json={"service": "habit", "entities": entities})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        404,
        "there is no feature service 'habit' online; did you mean 'habits'?",
    )


@pytest.mark.parametrize(
    ("features", "entities", "problem"),
    [
        ([], {"customer_id": [1]}, "no features are asked for"),
        (["customer_features"], {"customer_id": [1]}, "'customer_features' is no feature"),
        (["customer_features:orders", "other_features:orders"], {"customer_id": [1]}, "orders would be two columns"),
        (["customer_features:orders"], {"customer_id": []}, "name no entity"),
        (["customer_features:orders"], {"unknown": [1]}, "name no entity"),
        (["customer_features:orders"], {"customer_id": [None]}, "is an integer, not None"),
        (["customer_features:orders"], {"customer_id": [{"a": 1}]}, "is an integer, not {'a': 1}"),
    ],
)
def test_what_cannot_be_answered_is_refused_with_the_reason(api, loaded, features, entities, problem):
    answer = ask(api, features, entities)
    assert answer.status_code == 422
    assert problem in answer.json()["error"]["message"]


def test_columns_of_different_lengths_are_refused(api, store):
    push(store, basket_view(), LINES, WHOLE)
    answer = ask(api, ["basket_features:over_average"], {"customer_id": KEYS[:2], "basket": [1.0]})
    assert (answer.status_code, answer.json()["error"]["message"]) == (
        422,
        "the columns of entities differ in length: 1, 2",
    )


def test_an_unknown_view_is_not_found(api, loaded):
    assert ask(api, ["nothing:orders"], {"customer_id": [1]}).status_code == 404
    assert ask(api, ["customer_features:nothing"], {"customer_id": [1]}).status_code == 404


def test_the_time_of_the_answer_is_that_of_the_clock(api, loaded, clock):
    clock.set(datetime(2000, 1, 1, tzinfo=UTC))
    assert ask(api, ["customer_features:orders"], {"customer_id": KEYS[:1]}).status_code == 503
