from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import polars as pl
import pytest

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.scoring import OnnxScorer
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.learning.matrix import matrix
from mlinfra_assets.learning.model import Promotion
from mlinfra_assets.learning.onnx_model import ScoringDiffersError, verify_scoring
from mlinfra_assets.learning.promotions import ROLLED_BACK, NewPromotion
from mlinfra_assets.learning.store import ModelStore
from mlinfra_assets.learning.train import Trained, fit, train_and_compare
from mlinfra_assets.learning.trainer import GradientBoosting
from mlinfra_assets.learning.training_set import build_training_set
from tests.support.shop_lines import FrameReader, shop_lines
from tests.support.shop_models import shop_model, shop_view

NOW = datetime(2012, 1, 1, tzinfo=UTC)
RUN = Provenance(run_id="run", code_version="code")


@pytest.fixture(scope="module")
def training() -> pl.DataFrame:
    view = shop_view()
    read = FrameReader({"stg_order_lines": shop_lines()})
    return build_training_set(shop_model(), {view.name: view}, read, NOW).frame


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(Lake(str(tmp_path / "lake")), "churn")


def trained(training: pl.DataFrame, store: ModelStore, at: datetime = NOW, **changes: Any) -> Trained:
    return train_and_compare(
        shop_model(**changes), training, store, at, training_table="training/churn", training_version=3, provenance=RUN
    )


def test_the_same_training_set_gives_the_same_bytes(training: pl.DataFrame) -> None:
    first, again = fit(shop_model(), training), fit(shop_model(), training.clone())
    assert first.onnx == again.onnx
    assert first.version == again.version
    assert first.metrics() == again.metrics()


def test_another_seed_or_feature_is_another_version(training: pl.DataFrame) -> None:
    first = fit(shop_model(), training)
    other = fit(shop_model(trainer=GradientBoosting(iterations=21, min_leaf=10)), training)
    fewer = fit(shop_model(features=["customer_features:orders"]), training)
    assert len({first.version, other.version, fewer.version}) == 3


def test_the_model_learns_what_there_is_to_learn(training: pl.DataFrame) -> None:
    found = fit(shop_model(), training)
    assert found.holdout.n == training.filter(pl.col("role") == "holdout").height
    assert found.holdout.auc is not None
    assert found.holdout.auc > 0.6
    assert found.baseline.auc == 0.5
    assert found.onnx_difference < 1e-5


def test_nothing_of_gap_or_holdout_is_learned_from(training: pl.DataFrame) -> None:
    flipped = training.with_columns(
        pl.when(pl.col("role") == "train").then("label").otherwise(1 - pl.col("label")).alias("label")
    )
    assert fit(shop_model(), flipped).onnx == fit(shop_model(), training).onnx


def test_scores_of_a_batch_are_the_scores_of_its_rows_bit_for_bit(training: pl.DataFrame) -> None:
    found = fit(shop_model(), training)
    x = matrix(training, found.inputs)
    scorer = OnnxScorer(found.onnx, found.inputs)
    verify_scoring("churn", scorer, x)
    backwards = scorer.score(x[::-1])[::-1]
    assert np.array_equal(backwards.view(np.int64), scorer.score(x).view(np.int64))


def test_a_model_whose_scores_depend_on_the_batch_is_refused() -> None:
    class Centred:
        def score(self, features: np.ndarray) -> np.ndarray:
            return np.clip(features[:, 0] - features[:, 0].mean() + 0.5, 0, 1)

    with pytest.raises(ScoringDiffersError, match="2 of 2 rows score differently alone and in a batch"):
        verify_scoring("churn", Centred(), np.array([[0.1], [0.2]]))  # pyright: ignore[reportArgumentType]


def test_a_score_outside_zero_and_one_is_refused() -> None:
    class Unbounded:
        def score(self, features: np.ndarray) -> np.ndarray:
            return features[:, 0]

    with pytest.raises(ScoringDiffersError, match=r"row 1 scores 1\.5, no probability"):
        verify_scoring("churn", Unbounded(), np.array([[0.1], [1.5]]))  # pyright: ignore[reportArgumentType]


def test_one_kind_of_label_is_nothing_to_learn_from(training: pl.DataFrame) -> None:
    with pytest.raises(InvalidInputError, match="two kinds of labels are needed"):
        fit(shop_model(), training.with_columns(pl.lit(1, dtype=pl.Int64).alias("label")))


def test_the_first_model_is_stored_and_promoted_over_the_base_rate(training: pl.DataFrame, store: ModelStore) -> None:
    found = trained(training, store)
    assert (found.new, found.promoted) == (True, True)
    production = store.production()
    assert production is not None
    assert production.version == found.model.version
    assert "the base rate" in production.why
    stored = store.load(found.model.version)
    assert (stored.training_table, stored.training_version, stored.code_version) == ("training/churn", 3, "code")
    assert orjson.loads(stored.metrics)["holdout"] == found.fitted.holdout.to_dict()
    assert orjson.loads(stored.parameters)["estimator"] == "HistGradientBoostingClassifier"
    assert orjson.loads(stored.parameters)["horizon"] == "60d"


def test_training_again_on_the_same_data_writes_nothing(training: pl.DataFrame, store: ModelStore) -> None:
    first = trained(training, store)
    again = trained(training, store, datetime(2012, 2, 1, tzinfo=UTC))
    assert (again.new, again.promoted) == (False, False)
    assert "in production already" in again.decision.why
    assert again.model.trained_at == NOW
    assert store.versions() == [first.model.version]
    assert len(store.promotions.all()) == 1


def test_a_worse_model_is_kept_but_not_promoted(training: pl.DataFrame, store: ModelStore) -> None:
    first = trained(training, store)
    worse = trained(training, store, trainer=GradientBoosting(iterations=1, leaves=2, min_leaf=40))
    assert (worse.new, worse.promoted) == (True, False)
    assert f"version {first.model.version}" in worse.decision.why
    assert store.versions() == [first.model.version, worse.model.version]
    production = store.production()
    assert production is not None
    assert production.version == first.model.version


def test_a_better_model_takes_over_from_its_promotion_on(training: pl.DataFrame, store: ModelStore) -> None:
    weak = trained(training, store, trainer=GradientBoosting(iterations=1, leaves=2, min_leaf=40))
    later = datetime(2012, 2, 1, tzinfo=UTC)
    strong = trained(training, store, later)
    assert strong.promoted
    assert strong.decision.champion_version == weak.model.version
    before, after = store.production(datetime(2012, 1, 31, tzinfo=UTC)), store.production(later)
    assert before is not None
    assert after is not None
    assert (before.version, after.version) == (weak.model.version, strong.model.version)
    assert store.production(datetime(2011, 1, 1, tzinfo=UTC)) is None


def test_one_that_has_to_win_in_shadow_too_is_not_promoted_by_the_holdout(
    training: pl.DataFrame, store: ModelStore
) -> None:
    rule = Promotion(min_rows=20, shadow=True)
    weak = trained(training, store, promotion=rule, trainer=GradientBoosting(iterations=1, leaves=2, min_leaf=40))
    assert weak.promoted, "the first has nothing to be in the shadow of"
    strong = trained(training, store, datetime(2012, 2, 1, tzinfo=UTC), promotion=rule)
    assert not strong.promoted
    assert strong.decision.why.startswith("it goes into shadow before it is promoted: auc ")
    assert store.challenger() == strong.model.version


def test_a_version_that_a_person_took_out_is_not_put_back_by_the_rule(
    training: pl.DataFrame, store: ModelStore
) -> None:
    weak = trained(training, store, trainer=GradientBoosting(iterations=1, leaves=2, min_leaf=40))
    strong = trained(training, store)
    store.promote(NewPromotion(weak.model.version, NOW, "odd scores", kind=ROLLED_BACK, by="ann"), RUN)

    again = trained(training, store)

    assert again.model.version == strong.model.version
    assert not again.promoted
    assert again.decision.why.startswith("ann took this version out (odd scores), and only a person puts it back: ")


def test_every_training_is_on_record_with_its_reasons(training: pl.DataFrame, store: ModelStore) -> None:
    first = trained(training, store)
    later = datetime(2012, 2, 1, tzinfo=UTC)
    train_and_compare(
        shop_model(),
        training,
        store,
        later,
        training_table="training/churn",
        training_version=4,
        provenance=RUN,
        reasons="schedule: it is due",
    )
    found = store.trainings.all()
    assert [(t.at, t.reasons, t.training_version, t.promoted) for t in found] == [
        (NOW, "", 3, True),
        (later, "schedule: it is due", 4, False),
    ]
    assert {t.version for t in found} == {first.model.version}
    assert found[0].last_cutoff == training["cutoff"].max()


def test_both_are_judged_on_the_same_cases_even_with_other_inputs(training: pl.DataFrame, store: ModelStore) -> None:
    trained(training, store, features=["customer_features:returned"])
    found = trained(training, store)
    assert found.decision.champion.n == found.decision.challenger.n
    assert found.promoted


def test_a_champion_whose_inputs_are_gone_is_said_to_be_so(training: pl.DataFrame, store: ModelStore) -> None:
    trained(training, store)
    without = training.drop("customer_features:orders")
    rest = [f for f in shop_model().features if f in without.columns]
    found = trained(without, store, features=rest)
    assert "takes customer_features:orders, not computable any more" in found.decision.why


def test_parameters_of_a_frozen_trainer_are_what_is_recorded() -> None:
    trainer = replace(GradientBoosting(), seed=11)
    assert trainer.parameters()["seed"] == 11
