from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import httpx
import numpy as np
import orjson
import pytest
from onnx import TensorProto, helper

from mlinfra_assets import names
from mlinfra_assets.audit.logged import logged_predictions
from mlinfra_assets.audit.requests import wrong_request
from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store import Entity, FeatureStore, now, request
from mlinfra_assets.learning.onnx_model import to_onnx
from mlinfra_assets.learning.trainer import GradientBoosting
from mlinfra_assets.redis_server import connect
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.declared import declared, processed
from tests.support.online import SOURCE, bits, offline, push
from tests.support.served_shop import HABITS, INPUTS, KEYS, LINES, NOW, VIEW, WHOLE, with_features
from tests.support.shop_lines import LINES as SHOP_LINES


def predict(api, *keys, model="churn"):
    return api.post(f"/v1/predict/{model}", json={"entities": [{"customer_id": key} for key in keys]})


def test_every_prediction_is_in_the_stream_as_it_was_answered(api, loaded, logged):
    answer = predict(api, *KEYS, 1).json()
    events = [orjson.loads(value) for value in logged()]
    assert [(p["prediction_id"], p["entity"], p["score"]) for p in answer["predictions"]] == [
        (e["prediction_id"], e["entity"], e["score"]) for e in events
    ]
    assert len({e["prediction_id"] for e in events}) == len(KEYS) + 1
    assert {(e["model"], e["model_version"]) for e in events} == {("churn", "v1")}
    assert {e["predicted_at"] for e in events} == {answer["predicted_at"]}
    assert [p["status"] for p in answer["predictions"]][-1] == {"customer_features": "not_found"}


def test_the_logged_vector_is_that_of_the_engine_and_gives_the_logged_score(api, loaded, logged):
    predict(api, *KEYS)
    for key, event in zip(KEYS, map(orjson.loads, logged()), strict=True):
        expected, _ = offline(with_features(VIEW, HABITS), LINES, WHOLE, (key,), to_micros(NOW))
        assert list(event["features"]) == list(INPUTS)
        assert [bits(v) for v in event["features"].values()] == [bits(expected[name]) for name in HABITS]
        vector = [[float("nan") if v is None else float(v) for v in event["features"].values()]]
        score = loaded.model("churn").scorer.score(np.array(vector))
        assert bits(event["score"]) == bits(float(score[0]))


def test_a_logged_prediction_keeps_the_contract_and_reads_back(api, loaded, logged):
    predict(api, *KEYS, 1)
    outcome = processed(declared("predictions"), *logged())
    assert outcome.quarantined.height == 0
    back = logged_predictions(outcome.valid)
    assert [one.entity["customer_id"] for one in back] == [*KEYS, 1]
    assert {one.predicted_at for one in back} == {to_micros(NOW)}
    assert {one.views["customer_features"].version for one in back} == {loaded.views()[0].version}
    assert {str(one.views["customer_features"].watermark) for one in back} == {str({SOURCE: WHOLE})}
    assert back[0].features.keys() == set(INPUTS)


def test_on_a_simulated_clock_the_stream_takes_that_time(api, loaded, log, logged):
    predict(api, KEYS[0])
    assert len(logged()) == 1
    (batch,) = log.read(names.PREDICTIONS, {}, log.end(names.PREDICTIONS), 10, 1 << 20)
    assert to_micros(batch["known_at"][0]) == to_micros(NOW) // 1_000 * 1_000


def test_a_stream_that_is_full_keeps_nobody_waiting_and_takes_the_predictions_later(loaded, clock, settings, tmp_path):
    other = connect(Settings(home=tmp_path / "gone"))
    log = RedisLog(other)
    app = create_app(loaded, log, clock, settings)
    other.config_set("maxmemory", "1")
    with ApiServer(app, "127.0.0.1", 0) as server, httpx.Client(base_url=server.url, trust_env=False) as caller:
        answered = [one["prediction_id"] for key in KEYS for one in predict(caller, key).json()["predictions"]]
        assert caller.get("/health/ready").json()["predictions_waiting"] == len(KEYS)
        other.config_set("maxmemory", "0")
        assert app.state.predictions.settle(20)
        assert caller.get("/health/ready").json()["predictions_waiting"] == 0
    (batch,) = log.read(names.PREDICTIONS, {}, log.end(names.PREDICTIONS), 1_000, 1 << 20)
    assert [key.decode() for key in batch["key"]] == answered


def test_what_cannot_be_kept_is_not_answered(loaded, log, clock, settings):
    app = create_app(loaded, log, clock, replace(settings, write_ahead_max_bytes=100))
    with ApiServer(app, "127.0.0.1", 0) as server, httpx.Client(base_url=server.url, trust_env=False) as caller:
        answer = predict(caller, KEYS[0])
    assert answer.status_code == 503
    assert "MLINFRA_WRITE_AHEAD_MAX_BYTES" in answer.json()["error"]["message"]
    assert "score" not in answer.text


def test_an_unknown_model_is_named(api, loaded):
    answer = predict(api, KEYS[0], model="chrun")
    assert answer.status_code == 404
    assert "did you mean 'churn'" in answer.json()["error"]["message"]


def test_nothing_is_predicted_from_an_empty_redis(api, loaded, client, logged):
    assert predict(api, KEYS[0]).status_code == 200
    client.flushall()
    answer = predict(api, KEYS[0])
    assert answer.status_code == 503
    assert "materialize online/churn" in answer.json()["error"]["message"]
    assert logged() == []


def test_a_model_whose_features_are_not_online_is_unavailable(api, store, onnx, loaded, client):
    store.push_model("late", "v1", onnx, tuple(i.replace("customer_", "late_") for i in INPUTS), 0)
    answer = predict(api, KEYS[0], model="late")
    assert answer.status_code == 503
    assert "model late v1 takes what is not online" in answer.json()["error"]["message"]


def test_a_score_that_is_no_number_is_no_prediction(api, loaded, logged):
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "same",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
    )
    same = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    loaded.push_model("same", "v1", same, ("customer_features:orders",), 0)
    assert predict(api, KEYS[0], model="same").status_code == 200
    before = len(logged())
    answer = predict(api, KEYS[0], 1, model="same")
    assert answer.status_code == 500
    assert "model same gives nan for {'customer_id': 1}" in answer.json()["error"]["message"]
    assert len(logged()) == before


@pytest.mark.parametrize("count", [1, 1_000])
def test_up_to_a_thousand_at_once(api, loaded, logged, count):
    answer = predict(api, *range(count))
    assert len(answer.json()["predictions"]) == len(logged()) == count


@pytest.fixture
def basket(store, onnx):
    """A model that takes a value of the request, and its view."""
    declared_ = FeatureStore({SHOP_LINES.name: SHOP_LINES})

    @declared_.create_feature_view("asked", [Entity("customer", ["customer_id"])], online=True)
    def asked(stg_order_lines):
        return {
            "double": request("basket", "float64") * 2,
            "since": now().seconds_between(request("seen", "timestamp")),
            "year": request("born", "date").year(),
            "lines": stg_order_lines.count(),
        }

    push(store, asked, LINES, WHOLE)
    inputs = tuple(f"asked:{name}" for name in ("double", "since", "year", "lines"))
    rng = np.random.default_rng(1)
    features = rng.normal(size=(200, len(inputs))).astype(np.float32)
    fitted = GradientBoosting(iterations=5, min_leaf=5).fit(features, (features[:, 0] > 0).astype(np.int64))
    store.push_model("basket", "v1", to_onnx(fitted, "basket", inputs), inputs, 0)
    return asked


def test_the_values_of_a_request_go_into_the_vector_and_are_logged_as_the_audit_reads_them(api, basket, logged):
    given = {"basket": 4, "seen": "2011-12-09T12:50:00Z", "born": "1999-12-31"}
    entities = [{"customer_id": key} for key in KEYS[:2]]
    body = {"entities": entities, "request": [given, given | {"basket": None}]}
    assert api.post("/v1/predict/basket", json=body).status_code == 200
    outcome = processed(declared("predictions"), *logged())
    assert outcome.quarantined.height == 0
    first, second = logged_predictions(outcome.valid)
    seen = to_micros(datetime(2011, 12, 9, 12, 50, tzinfo=UTC))
    assert first.request == {"basket": 4.0, "born": 10_956, "seen": seen}
    assert isinstance(first.request["basket"], float)
    assert second.request["basket"] is None
    assert (first.features["asked:double"], second.features["asked:double"]) == (8.0, None)
    assert wrong_request(basket, first) is None
    assert wrong_request(basket, second) is None


def test_a_request_value_that_nothing_asks_for_or_that_lacks_is_refused(api, basket, logged):
    entities = [{"customer_id": KEYS[0]}]
    strange = api.post("/v1/predict/churn", json={"entities": entities, "request": {"basket": 1}})
    lacking = api.post("/v1/predict/basket", json={"entities": entities, "request": {"basket": 1}})
    assert (strange.status_code, lacking.status_code) == (404, 422)
    assert "seen" in lacking.json()["error"]["message"]
    assert logged() == []
