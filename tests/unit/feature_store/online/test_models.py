from __future__ import annotations

import numpy as np
import pytest

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.online.errors import (
    DamagedBaseError,
    NotLoadedError,
    StalePushError,
    UnknownModelError,
)
from mlinfra_assets.learning.onnx_model import to_onnx
from mlinfra_assets.learning.trainer import GradientBoosting

INPUTS = ("v:a", "v:b")
SINCE = 1_300_000_000_000_000


def fitted(seed: int) -> bytes:
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(100, 2)).astype(np.float32)
    labels = (features.sum(axis=1) > 0).astype(np.int64)
    return to_onnx(GradientBoosting(iterations=3, min_leaf=5).fit(features, labels), "m", INPUTS)


ONE, OTHER = fitted(1), fitted(2)


def test_a_pushed_model_is_read_back_and_scores(store):
    store.push_model("m", "v1", ONE, INPUTS, SINCE)
    model = store.model("m")
    assert (model.version, model.inputs, model.promoted_at, model.onnx) == ("v1", INPUTS, SINCE, ONE)
    assert model.scorer.score(np.zeros((1, 2))).shape == (1,)
    assert store.model_version("m") == "v1"
    assert store.models() == ["m"]


def test_the_later_promotion_is_served_whatever_comes_last(store):
    store.push_model("m", "v2", OTHER, INPUTS, SINCE + 1)
    with pytest.raises(StalePushError, match="serves version v2"):
        store.push_model("m", "v1", ONE, INPUTS, SINCE)
    assert store.model("m").onnx == OTHER


def test_a_reader_sees_the_next_version(store):
    store.push_model("m", "v1", ONE, INPUTS, SINCE)
    assert store.model("m").version == "v1"
    store.push_model("m", "v2", OTHER, INPUTS, SINCE + 1)
    assert store.model("m").onnx == OTHER


def test_no_models_at_all_is_not_loaded_and_an_unknown_one_is_named(store, client):
    with pytest.raises(NotLoadedError):
        store.model("m")
    assert store.model_version("m") is None
    store.push_model("m", "v1", ONE, INPUTS, SINCE)
    with pytest.raises(UnknownModelError, match="there is no model 'n' in production"):
        store.model("n")
    client.delete("mlinfra:online:model:m")
    with pytest.raises(NotLoadedError, match="materialize online/m"):
        store.model("m")


def test_what_is_no_model_is_not_pushed(store):
    with pytest.raises(InvalidInputError):
        store.push_model("m", "v1", b"no model", INPUTS, SINCE)
    with pytest.raises(InvalidInputError):
        store.push_model("m", "v1", ONE, ("v:a",), SINCE)
    assert store.models() == []


def test_a_changed_file_is_refused(store, client):
    store.push_model("m", "v1", ONE, INPUTS, SINCE)
    client.hset("mlinfra:online:model:m", "onnx", OTHER)
    with pytest.raises(DamagedBaseError, match="push it again"):
        store.model("m")
