from __future__ import annotations

import httpx
import numpy as np
import orjson
import pytest
from onnx import TensorProto, helper

from mlinfra_assets import names
from mlinfra_assets.audit.logged import logged_predictions
from mlinfra_assets.clock import to_micros
from mlinfra_assets.redis_server import connect
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.declared import declared, processed
from tests.support.online import SOURCE, bits, offline
from tests.support.served_shop import HABITS, INPUTS, KEYS, LINES, NOW, VIEW, WHOLE, with_features


def predict(api, *keys, model="churn"):
    return api.post(f"/v1/predict/{model}", json={"entities": [{"customer_id": key} for key in keys]})


def logged(log: RedisLog) -> list[bytes]:
    end = log.end(names.PREDICTIONS)
    return [value for frame in log.read(names.PREDICTIONS, {}, end, 1_000, 1 << 30) for value in frame["payload"]]


def test_every_prediction_is_in_the_stream_as_it_was_answered(api, loaded, log):
    answer = predict(api, *KEYS, 1).json()
    events = [orjson.loads(value) for value in logged(log)]
    assert [(p["prediction_id"], p["entity"], p["score"]) for p in answer["predictions"]] == [
        (e["prediction_id"], e["entity"], e["score"]) for e in events
    ]
    assert len({e["prediction_id"] for e in events}) == len(KEYS) + 1
    assert {(e["model"], e["model_version"]) for e in events} == {("churn", "v1")}
    assert {e["predicted_at"] for e in events} == {answer["predicted_at"]}
    assert [p["status"] for p in answer["predictions"]][-1] == {"customer_features": "not_found"}


def test_the_logged_vector_is_that_of_the_engine_and_gives_the_logged_score(api, loaded, log):
    predict(api, *KEYS)
    for key, event in zip(KEYS, map(orjson.loads, logged(log)), strict=True):
        expected, _ = offline(with_features(VIEW, HABITS), LINES, WHOLE, (key,), to_micros(NOW))
        assert list(event["features"]) == list(INPUTS)
        assert [bits(v) for v in event["features"].values()] == [bits(expected[name]) for name in HABITS]
        vector = [[float("nan") if v is None else float(v) for v in event["features"].values()]]
        score = loaded.model("churn").scorer.score(np.array(vector))
        assert bits(event["score"]) == bits(float(score[0]))


def test_a_logged_prediction_keeps_the_contract_and_reads_back(api, loaded, log):
    predict(api, *KEYS, 1)
    outcome = processed(declared("predictions"), *logged(log))
    assert outcome.quarantined.height == 0
    back = logged_predictions(outcome.valid)
    assert [one.entity["customer_id"] for one in back] == [*KEYS, 1]
    assert {one.predicted_at for one in back} == {to_micros(NOW)}
    assert {one.views["customer_features"].version for one in back} == {loaded.views()[0].version}
    assert {str(one.views["customer_features"].watermark) for one in back} == {str({SOURCE: WHOLE})}
    assert back[0].features.keys() == set(INPUTS)


def test_on_a_simulated_clock_the_stream_takes_that_time(api, loaded, log):
    predict(api, KEYS[0])
    (batch,) = log.read(names.PREDICTIONS, {}, log.end(names.PREDICTIONS), 10, 1 << 20)
    assert to_micros(batch["known_at"][0]) == to_micros(NOW) // 1_000 * 1_000


def test_without_the_stream_there_is_no_answer(loaded, clock, settings, redis_server, tmp_path):
    other = connect(Settings(home=tmp_path / "gone"))
    app = create_app(loaded, RedisLog(other), clock, settings)
    other.config_set("maxmemory", "1")
    with ApiServer(app, "127.0.0.1", 0) as server, httpx.Client(base_url=server.url, trust_env=False) as caller:
        answer = predict(caller, KEYS[0])
    assert answer.status_code == 503
    assert "is full" in answer.json()["error"]["message"]
    assert "score" not in answer.text


def test_an_unknown_model_is_named(api, loaded):
    answer = predict(api, KEYS[0], model="chrun")
    assert answer.status_code == 404
    assert "did you mean 'churn'" in answer.json()["error"]["message"]


def test_nothing_is_predicted_from_an_empty_redis(api, loaded, client, log):
    assert predict(api, KEYS[0]).status_code == 200
    client.flushall()
    answer = predict(api, KEYS[0])
    assert answer.status_code == 503
    assert "materialize online/churn" in answer.json()["error"]["message"]
    assert logged(log) == []


def test_a_model_whose_features_are_not_online_is_unavailable(api, store, onnx, loaded, client):
    store.push_model("late", "v1", onnx, tuple(i.replace("customer_", "late_") for i in INPUTS), 0)
    answer = predict(api, KEYS[0], model="late")
    assert answer.status_code == 503
    assert "model late v1 takes what is not online" in answer.json()["error"]["message"]


def test_a_score_that_is_no_number_is_no_prediction(api, loaded, log):
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "same",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
    )
    same = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8).SerializeToString()
    loaded.push_model("same", "v1", same, ("customer_features:orders",), 0)
    assert predict(api, KEYS[0], model="same").status_code == 200
    before = len(logged(log))
    answer = predict(api, KEYS[0], 1, model="same")
    assert answer.status_code == 500
    assert "model same gives nan for {'customer_id': 1}" in answer.json()["error"]["message"]
    assert len(logged(log)) == before


@pytest.mark.parametrize("count", [1, 1_000])
def test_up_to_a_thousand_at_once(api, loaded, log, count):
    answer = predict(api, *range(count))
    assert len(answer.json()["predictions"]) == len(logged(log)) == count
