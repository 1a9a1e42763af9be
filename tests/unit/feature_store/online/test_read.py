from __future__ import annotations

import numpy as np
import pytest

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.online.errors import DamagedBaseError, NotLoadedError, UnknownViewError
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.scoring import OnnxScorer
from mlinfra_assets.learning.onnx_model import to_onnx
from mlinfra_assets.learning.trainer import GradientBoosting
from mlinfra_assets.positions import Positions
from tests.support.online import bits, epoch_of, offline, push
from tests.support.shop_lines import shop_lines
from tests.support.shop_models import shop_model, shop_view

VIEW = shop_view()
LINES = shop_lines(customers=30, days=60)
WHOLE = Positions({0: 10**9})
T = epoch_of(LINES)
KEYS = [(int(key),) for key in LINES["customer_id"].drop_nulls().unique().sort()]
INPUTS = tuple(shop_model().features)
HABITS = [reference.partition(":")[2] for reference in INPUTS]


class Production:
    """One version, in production from a moment on."""

    def __init__(self, onnx: bytes, since: int) -> None:
        self._scorer, self._since = OnnxScorer(onnx, INPUTS), since

    def score(self, model: str, k: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        assert model == "churn"
        return np.where(k >= self._since, self._scorer.score(matrix), np.nan)


@pytest.fixture(scope="module")
def onnx() -> bytes:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(200, len(INPUTS))).astype(np.float32)
    labels = (features[:, 0] > 0).astype(np.int64)
    return to_onnx(GradientBoosting(iterations=5, min_leaf=5).fit(features, labels), "churn", INPUTS)


def test_score_features_are_those_of_the_model_in_production(store, onnx):
    push(store, VIEW, LINES, WHOLE)
    store.push_model("churn", "v1", onnx, INPUTS, T)
    for t, versions in ((T - 1, {}), (T, {"churn": "v1"}), (T + 86_400_000_000, {"churn": "v1"})):
        vectors = store.read(VIEW.name, KEYS, t)
        for key, vector in zip(KEYS, vectors, strict=True):
            expected, _ = offline(VIEW, LINES, WHOLE, key, t, Production(onnx, T))
            assert {n: bits(v) for n, v in vector.values.items()} == {n: bits(v) for n, v in expected.items()}
            assert vector.scores == versions
    assert store.read(VIEW.name, KEYS, T)[0].values["churn_risk_score"] is not None


def test_without_a_model_its_score_is_null_and_the_rest_is_there(store):
    push(store, VIEW, LINES, WHOLE)
    (vector,) = store.read(VIEW.name, KEYS[:1], T)
    assert vector.values["churn_risk_score"] is None
    assert vector.values["orders"] is not None
    assert vector.scores == {}


def test_features_that_are_no_scores_need_no_model(store, onnx):
    push(store, VIEW, LINES, WHOLE)
    store.push_model("churn", "v1", onnx, INPUTS, T)
    (vector,) = store.read(VIEW.name, KEYS[:1], T, HABITS)
    assert list(vector.values) == HABITS
    assert vector.scores == {}


def test_a_model_that_takes_other_inputs_than_the_view_gives_is_said(store, onnx):
    push(store, VIEW, LINES, WHOLE)
    store.push_model("churn", "v2", onnx, tuple(reversed(INPUTS)), T)
    with pytest.raises(UnavailableError, match="push the view and the model of one release"):
        store.read(VIEW.name, KEYS[:1], T)
    assert store.read(VIEW.name, KEYS[:1], T, HABITS)


def test_an_empty_redis_is_not_loaded_rather_than_without_customers(store, client):
    with pytest.raises(NotLoadedError, match="holds no feature views"):
        store.read(VIEW.name, KEYS, T)
    push(store, VIEW, LINES, WHOLE)
    assert store.read(VIEW.name, KEYS, T)
    client.flushall()
    with pytest.raises(NotLoadedError, match="holds no whole push of view customer_features"):
        store.read(VIEW.name, KEYS, T)


def test_bases_that_are_gone_are_not_loaded_rather_than_without_customers(store, client):
    push(store, VIEW, LINES, WHOLE)
    (bases,) = client.keys("mlinfra:online:{customer_features}:*")
    client.hdel(bases, client.hkeys(bases)[0])
    with pytest.raises(NotLoadedError):
        store.read(VIEW.name, KEYS[:1], T)
    client.delete(bases)
    with pytest.raises(NotLoadedError):
        OnlineStore(client).read(VIEW.name, KEYS[:1], T)


def test_an_unknown_view_or_feature_is_named_with_the_nearest(store):
    push(store, VIEW, LINES, WHOLE)
    with pytest.raises(UnknownViewError, match="did you mean 'customer_features'"):
        store.read("customer_feature", KEYS, T)
    with pytest.raises(UnknownViewError, match="has no feature 'order'; did you mean 'orders'"):
        store.read(VIEW.name, KEYS, T, ["order"])


def test_a_key_of_the_wrong_type_is_refused(store):
    push(store, VIEW, LINES, WHOLE)
    with pytest.raises(RetrievalError, match="key customer_id is an integer, not '17850'"):
        store.read(VIEW.name, [("17850",)], T)


def test_a_damaged_base_is_named_and_never_served(store, client):
    push(store, VIEW, LINES, WHOLE)
    (bases,) = client.keys("mlinfra:online:{customer_features}:*")
    for field, base in client.hgetall(bases).items():
        client.hset(bases, field, base[:-1])
    with pytest.raises(DamagedBaseError, match=rf"entity \({KEYS[0][0]},\): .* checksum .* push it again"):
        store.read(VIEW.name, KEYS[:1], T)


def test_a_forged_definition_is_refused(store, client):
    push(store, VIEW, LINES, WHOLE)
    state = "mlinfra:online:{customer_features}"
    client.hset(state, "document:1", client.hget(state, "document:1").replace(b"churn_risk", b"churn_cost"))
    with pytest.raises(DamagedBaseError, match="states version"):
        store.read(VIEW.name, KEYS[:1], T)


def test_more_entities_than_one_step_reads(store):
    push(store, VIEW, LINES, WHOLE)
    keys = [*KEYS, *((n,) for n in range(10**6, 10**6 + 2_300)), *KEYS]
    vectors = store.read(VIEW.name, keys, T)
    assert vectors[: len(KEYS)] == vectors[-len(KEYS) :]
    assert {v.status for v in vectors[len(KEYS) : -len(KEYS)]} == {"not_found"}


def test_nothing_asked_is_nothing_answered(store):
    push(store, VIEW, LINES, WHOLE)
    assert store.read(VIEW.name, [], T) == []
