"""What each value rests on, where it is asked for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.serving.answers import time
from tests.support.online import SOURCE, epoch_of
from tests.support.served_shop import KEYS, LINES, NOW, VIEW, WHOLE

NAME = VIEW.name


def ask(api, entities, **more):
    body = {"features": [f"{NAME}:orders", f"{NAME}:returned"], "entities": entities, **more}
    answer = api.post("/v1/features", json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


def test_nobody_pays_who_does_not_ask(api, loaded):
    assert "details" not in ask(api, [{"customer_id": KEYS[0]}])[0]
    assert "details" not in ask(api, [{"customer_id": KEYS[0]}], details=False)[0]


def test_each_value_says_what_it_rests_on(api, store):
    document = ViewDocument(VIEW, {"rows": "1"}, source=SOURCE)
    push = (document, document.version, prepare(VIEW, LINES), {SOURCE: WHOLE}, epoch_of(LINES))
    store.push(*push, run="run-17")
    for key, one in zip(KEYS, ask(api, [{"customer_id": key} for key in KEYS], details=True), strict=True):
        latest: Any = LINES.filter(LINES["customer_id"] == key)["_event_time"].max()
        for reference, said in one["details"].items():
            assert said == {
                "status": "null" if one["features"][reference] is None else "present",
                "event_time": time(to_micros(latest)),
                "version": document.version,
                "run": "run-17",
                "watermark": {SOURCE: {"offsets": {"0": 10**9}, "releases": 2}},
            }
        assert list(one["details"]) == list(one["features"])


def test_it_says_why_there_is_no_value(api, loaded, clock):
    (one,) = ask(api, [{"customer_id": 1}], details=True)
    assert {said["status"] for said in one["details"].values()} == {"not_found"}
    assert {said["event_time"] for said in one["details"].values()} == {None}
    clock.set(NOW + timedelta(days=400))
    (one,) = ask(api, [{"customer_id": KEYS[0]}], details=True)
    assert {said["status"] for said in one["details"].values()} == {"expired"}


def test_features_and_a_service_exclude_each_other(api, loaded):
    for body in ({}, {"features": [NAME], "service": "habits"}):
        answer = api.post("/v1/features", json={"entities": [{"customer_id": 1}], **body})
        assert answer.status_code == 422
        assert "name either features or a service" in answer.json()["error"]["reasons"][0]
