from __future__ import annotations

from datetime import timedelta

import numpy as np
import orjson
import polars as pl
import pytest

from mlinfra_assets.learning.labels import label_predictions
from mlinfra_assets.learning.model import Promotion
from mlinfra_assets.learning.shadow import SHADOW_SCHEMA, Shadow, compare_shadow, shadow_scores
from mlinfra_assets.learning.store import StoredModel, version_of
from mlinfra_assets.learning.train import fit
from tests.support.feedback import DAY, NOW, START, outcomes, predictions
from tests.support.shop_models import shop_model

INPUTS = ("v:a",)


@pytest.fixture(scope="module")
def challenger() -> StoredModel:
    a = np.random.default_rng(5).normal(size=400)
    frame = pl.DataFrame({"role": ["train"] * 200 + ["holdout"] * 200, "v:a": a, "label": (a > 0).astype(np.int64)})
    onnx = fit(shop_model(features=INPUTS), frame).onnx
    trained = START + 10 * DAY
    return StoredModel("churn", version_of(onnx, INPUTS), trained, "t", 0, INPUTS, "{}", "{}", onnx, "code")


def vector(value: float | None) -> str:
    return orjson.dumps({"v:a": value, "v:z": 1}).decode()


def scored(challenger: StoredModel, made: pl.DataFrame) -> pl.DataFrame:
    return shadow_scores(challenger, made, pl.DataFrame(schema=SHADOW_SCHEMA))


def test_it_scores_what_was_predicted_from_its_training_on(challenger: StoredModel) -> None:
    made = predictions(
        {"id": "before", "day": 9, "features": vector(1.0)},
        {"id": "at", "day": 10, "features": vector(1.0)},
        {"id": "null", "day": 11, "features": vector(None)},
        {"id": "without", "day": 11, "features": '{"v:z":1}'},
        {"id": "other model", "day": 11, "model": "else", "features": vector(1.0)},
    )
    found = scored(challenger, made)
    assert found["prediction_id"].to_list() == ["at", "null"]
    assert found["shadow_score"].to_list() == challenger.scorer().score(np.array([[1.0], [np.nan]])).tolist()
    assert found.schema == SHADOW_SCHEMA


def test_what_it_scored_is_not_scored_again_and_another_challenger_scores_for_itself(challenger: StoredModel) -> None:
    made = predictions({"id": "a", "day": 11, "features": vector(1.0)})
    done = scored(challenger, made)
    assert shadow_scores(challenger, made, done).is_empty()
    assert shadow_scores(challenger, made, done.with_columns(shadow_version=pl.lit("other"))).height == 1


def compared(challenger: StoredModel, right: bool, now_after: timedelta = 200 * DAY, **rule: float) -> Shadow:
    rows = [{"id": f"p{n}", "day": 11, "features": vector((-1.0) ** n), "score": 0.5} for n in range(40)]
    made = predictions(*rows)
    came = outcomes(*({"of": f"p{n}", "label": int((n % 2 == 0) == right), "day": 20} for n in range(40)))
    model = shop_model(features=INPUTS, promotion=Promotion(**{"min_rows": 20, **rule}))  # pyright: ignore[reportArgumentType]
    labelled = label_predictions(model, made, came, START + now_after)
    return compare_shadow(model, challenger.version, "v1", scored(challenger, made), labelled)


def test_one_that_is_better_on_outcomes_is_a_warning_with_the_numbers(challenger: StoredModel) -> None:
    found = compared(challenger, right=True)
    assert found.decision.promote
    assert not found.finding().passed
    assert "auc 1.0000 against 0.5000 of version v1 on the same 40 later cases" in found.finding().why
    assert found.flipped == 20
    assert found.difference is not None
    assert challenger.version in found.to_markdown()


def test_one_that_is_worse_or_not_judged_yet_is_none(challenger: StoredModel) -> None:
    assert compared(challenger, right=False).finding().passed
    waiting = compared(challenger, right=True, now_after=60 * DAY)
    assert waiting.finding().passed
    assert "only 0 later cases, 20 are needed" in waiting.finding().why


def test_what_another_version_answered_is_no_comparison(challenger: StoredModel) -> None:
    made = predictions({"id": "a", "day": 11, "version": "v0", "features": vector(1.0)})
    model = shop_model(features=INPUTS)
    labelled = label_predictions(model, made, outcomes(), NOW)
    found = compare_shadow(model, challenger.version, "v1", scored(challenger, made), labelled)
    assert found.frame.is_empty()
    assert found.difference is None
