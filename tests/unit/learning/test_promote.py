from __future__ import annotations

import numpy as np
import pytest

from mlinfra_assets.learning.metrics import Metrics, measure
from mlinfra_assets.learning.model import Promotion
from mlinfra_assets.learning.promote import decide

LABELS = np.array([0, 1] * 100)


def of_quality(noise: float) -> Metrics:
    return measure(LABELS, np.clip(LABELS * 0.6 + 0.2 + np.sin(np.arange(200)) * noise, 0, 1))


def test_the_better_model_is_promoted_with_the_numbers_as_reason() -> None:
    decision = decide(Promotion(), of_quality(0.3), of_quality(0.9), "abc")
    assert decision.promote
    assert "auc" in decision.why
    assert "version abc" in decision.why
    assert "200 later cases" in decision.why


def test_the_worse_model_is_not() -> None:
    assert not decide(Promotion(), of_quality(0.9), of_quality(0.3), "abc").promote


@pytest.mark.parametrize("metric", ["auc", "log_loss", "brier"])
def test_a_tie_keeps_what_is_in_production(metric: str) -> None:
    same = of_quality(0.5)
    assert not decide(Promotion(metric=metric), same, same, "abc").promote


def test_a_gain_below_what_is_asked_for_does_not_promote() -> None:
    new, old = of_quality(0.5), of_quality(0.55)
    assert decide(Promotion(metric="brier"), new, old, "abc").promote
    assert not decide(Promotion(metric="brier", min_gain=0.5), new, old, "abc").promote


def test_a_first_model_has_to_beat_the_base_rate() -> None:
    constant = measure(LABELS, np.full(200, 0.5))
    decision = decide(Promotion(), of_quality(0.3), constant, None)
    assert decision.promote
    assert "the base rate" in decision.why
    assert not decide(Promotion(), constant, constant, None).promote


def test_too_few_cases_decide_nothing() -> None:
    few = measure(np.array([0, 1]), np.array([0.1, 0.9]))
    decision = decide(Promotion(min_rows=100), few, few, None)
    assert not decision.promote
    assert "only 2 later cases, 100 are needed" in decision.why


def test_one_label_alone_decides_nothing_by_auc() -> None:
    one = measure(np.zeros(200, dtype=np.int64), np.full(200, 0.1))
    assert "one label only" in decide(Promotion(), one, one, "abc").why
