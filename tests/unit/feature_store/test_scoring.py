from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, helper

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.scoring import OnnxScorer
from mlinfra_assets.learning.onnx_model import to_onnx
from mlinfra_assets.learning.trainer import GradientBoosting

INPUTS = ("a", "b", "c")


@pytest.fixture(scope="module")
def trained():
    rng = np.random.default_rng(5)
    features = rng.normal(size=(600, 3)).astype(np.float32)
    features[rng.random(features.shape) < 0.1] = np.nan
    labels = (np.nan_to_num(features).sum(axis=1) + rng.normal(size=600) > 0).astype(np.int64)
    estimator = GradientBoosting(iterations=30, min_leaf=10).fit(features, labels)
    return estimator, OnnxScorer(to_onnx(estimator, "m", INPUTS), INPUTS), features.astype(np.float64)


def test_a_batch_scores_as_its_rows_one_by_one(trained):
    _, scorer, features = trained
    together = scorer.score(features)
    for size in (1, 7, 50, 300):
        apart = np.concatenate([scorer.score(features[i : i + size]) for i in range(0, len(features), size)])
        assert together.tobytes() == apart.tobytes()


def test_scores_are_the_estimators_probability_of_the_positive_class(trained):
    estimator, scorer, features = trained
    expected = estimator.predict_proba(features.astype(np.float32))[:, 1]
    assert scorer.score(features).dtype == np.float64
    np.testing.assert_allclose(scorer.score(features), expected, rtol=1e-5)


def test_nulls_and_numbers_beyond_float32_are_scored(trained):
    _, scorer, _ = trained
    found = scorer.score(np.array([[np.nan, np.nan, np.nan], [1e300, -1e300, 0.0]]))
    assert np.isfinite(found).all()


def test_no_rows_have_no_scores(trained):
    assert trained[1].score(np.zeros((0, 3))).shape == (0,)


def test_another_number_of_columns_is_refused(trained):
    with pytest.raises(InvalidInputError, match=r"takes 3 inputs, not an array of shape \(2, 4\)"):
        trained[1].score(np.zeros((2, 4)))


def test_a_file_of_other_inputs_is_refused(trained):
    with pytest.raises(InvalidInputError, match=r"takes \[3\] inputs, and 2 are named"):
        OnnxScorer(to_onnx(trained[0], "m", INPUTS), ("a", "b"))


@pytest.mark.parametrize("bytes_", [b"", b"no model", b"\x80\x04pickle"])
def test_what_is_no_model_is_refused(bytes_):
    with pytest.raises(InvalidInputError, match="not an ONNX file"):
        OnnxScorer(bytes_, INPUTS)


def test_a_model_with_one_output_gives_that():
    graph = helper.make_graph(
        [helper.make_node("Identity", ["x"], ["y"])],
        "identity",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    scorer = OnnxScorer(model.SerializeToString(), ("a",))
    assert scorer.score(np.array([[0.1], [2.0]])).tolist() == [float(np.float32(0.1)), 2.0]
