from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from mlinfra_assets.feature_store.scoring import OnnxScorer
from mlinfra_assets.learning.importance import MOST_ROWS, chart, importance
from mlinfra_assets.learning.matrix import matrix
from mlinfra_assets.learning.train import fit
from tests.support.shop_models import shop_model

INPUTS = ["v:signal", "v:noise", "v:constant"]


@pytest.fixture(scope="module")
def training() -> pl.DataFrame:
    generator = np.random.default_rng(3)
    signal, noise = generator.normal(size=2_000), generator.normal(size=2_000)
    label = (signal + 0.3 * generator.normal(size=2_000) > 0).astype(np.int64)
    columns = {"v:signal": signal, "v:noise": noise, "v:constant": np.ones(2_000)}
    return pl.DataFrame({"role": ["train"] * 1_000 + ["holdout"] * 1_000, **columns, "label": label})


def test_what_the_label_rests_on_is_worth_most_and_what_never_changes_nothing(training: pl.DataFrame) -> None:
    found = {each.input: each for each in fit(shop_model(features=INPUTS), training).importance}
    assert next(iter(found)) == "v:signal"
    assert found["v:signal"].loss > 0.3
    assert abs(found["v:noise"].loss) < 0.05
    assert (found["v:constant"].loss, found["v:constant"].spread) == (0.0, 0.0)


def test_the_same_cases_give_the_same_numbers_and_many_are_drawn_from(training: pl.DataFrame) -> None:
    fitted = fit(shop_model(features=INPUTS), training)
    scorer = OnnxScorer(fitted.onnx, fitted.inputs)
    later = training.filter(pl.col("role") == "holdout")
    x, y = matrix(later, INPUTS), later["label"].to_numpy()
    assert importance(scorer, x, y, "auc") == fitted.importance
    many = int(np.ceil((MOST_ROWS + 1) / len(y)))
    assert importance(scorer, np.tile(x, (many, 1)), np.tile(y, many), "brier")[0].input == "v:signal"


def test_without_two_kinds_of_labels_there_is_none_by_auc(training: pl.DataFrame) -> None:
    fitted = fit(shop_model(features=INPUTS), training)
    scorer = OnnxScorer(fitted.onnx, fitted.inputs)
    assert importance(scorer, np.zeros((5, 3)), np.zeros(5, np.int64), "auc") == []
    assert "v:signal" in chart(fitted.importance, "auc")
