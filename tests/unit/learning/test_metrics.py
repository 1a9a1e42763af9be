from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.learning.metrics import gain, measure

CASES = st.lists(
    st.tuples(st.integers(0, 1), st.integers(1, 9).map(lambda tenths: tenths / 10)), min_size=2, max_size=60
)


@given(CASES)
def test_metrics_are_those_of_scikit_learn(cases: list[tuple[int, float]]) -> None:
    labels = np.array([label for label, _ in cases])
    scores = np.array([score for _, score in cases])
    found = measure(labels, scores)
    assert found.log_loss == pytest.approx(log_loss(labels, scores, labels=[0, 1]))
    assert found.brier == pytest.approx(brier_score_loss(labels, scores))
    if 0 < labels.sum() < len(labels):
        assert found.auc == pytest.approx(roc_auc_score(labels, scores))
    else:
        assert found.auc is None


def test_nothing_to_judge_has_no_metrics() -> None:
    found = measure(np.array([], dtype=np.int64), np.array([]))
    assert (found.n, found.base_rate, found.auc, found.log_loss, found.brier) == (0, None, None, None, None)


def test_a_certain_wrong_score_costs_much_but_not_everything() -> None:
    found = measure(np.array([1, 0]), np.array([0.0, 1.0]))
    assert found.log_loss == pytest.approx(-np.log(1e-7))


@pytest.mark.parametrize(("metric", "better"), [("auc", True), ("log_loss", True), ("brier", True)])
def test_a_gain_is_positive_for_the_better_model_whatever_the_metric(metric: str, better: bool) -> None:
    labels = np.array([0, 0, 1, 1])
    good = measure(labels, np.array([0.1, 0.2, 0.8, 0.9]))
    bad = measure(labels, np.array([0.6, 0.2, 0.5, 0.4]))
    found = gain(metric, good, bad)
    assert found is not None
    assert (found > 0) is better


def test_an_unknown_metric_is_named() -> None:
    one = measure(np.array([0, 1]), np.array([0.1, 0.2]))
    with pytest.raises(InvalidInputError, match="no metric 'f1'"):
        gain("f1", one, one)
