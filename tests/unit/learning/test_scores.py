from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store import FeatureStore, request
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.learning.model import Spine
from mlinfra_assets.learning.onnx_model import to_onnx
from mlinfra_assets.learning.promotions import NewPromotion
from mlinfra_assets.learning.scores import PinnedScores, ProductionScores, _check_input, check_scores
from mlinfra_assets.learning.store import ModelStore, StoredModel, version_of
from mlinfra_assets.learning.trainer import GradientBoosting
from tests.support.shop_lines import LINES
from tests.support.shop_models import customer, shop_model, shop_view

RUN = Provenance(run_id="run", code_version="code")
NOW = datetime(2012, 1, 1, tzinfo=UTC)


def a_model(seed: int) -> StoredModel:
    random = np.random.default_rng(abs(seed))
    x = random.normal(size=(200, 2)).astype(np.float32)
    estimator = GradientBoosting(iterations=5, min_leaf=5).fit(x, (x[:, 0] * seed > 0).astype(np.int64))
    onnx, inputs = to_onnx(estimator, "churn", ("v:a", "v:b")), ("v:a", "v:b")
    return StoredModel("churn", version_of(onnx, inputs), NOW, "training/churn", 0, inputs, "{}", "{}", onnx, "code")


def test_each_row_is_scored_by_the_version_in_production_then(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    store = ModelStore(lake, "churn")
    models = {day: a_model(seed) for day, seed in ((5, 1), (10, -1))}
    for day, model in models.items():
        store.add(model, RUN)
        store.promote(NewPromotion(model.version, datetime(2012, 1, day, tzinfo=UTC), "why"), RUN)
    days = [4, 5, 9, 10, 11]
    k = np.array([to_micros(datetime(2012, 1, day, tzinfo=UTC)) for day in days], dtype=np.int64)
    matrix = np.column_stack([np.linspace(-1, 1, 5), np.linspace(1, -1, 5)])
    scores = ProductionScores(lake).score("churn", k, matrix)
    early, late = (models[day].scorer().score(matrix) for day in (5, 10))
    assert np.isnan(scores[0])
    assert scores[1:].tolist() == [early[1], early[2], late[3], late[4]]
    pinned = PinnedScores(lake, {"churn": models[5].version})
    assert pinned.score("churn", k, matrix).tolist() == early.tolist()
    assert np.isnan(pinned.score("other", k, matrix)).all()
    assert np.isnan(ProductionScores(lake).score("other", k, matrix)).all()


def test_a_model_and_a_view_that_fit_are_accepted() -> None:
    check_scores({"churn": shop_model()}, {"customer_features": shop_view()})


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"name": "other"}, "there is no model 'churn'"),
        ({"features": list(reversed(shop_model().features))}, "takes, in this order"),
        ({"spine": Spine("gone")}, "its spine 'gone' is no feature view"),
    ],
)
def test_declarations_that_do_not_fit_are_refused(changes: dict, says: str) -> None:
    model = shop_model(**changes)
    with pytest.raises(DefinitionError, match=says):
        check_scores({model.name: model}, {"customer_features": shop_view()})


def test_a_models_own_score_is_no_input_of_it() -> None:
    model = shop_model(features=["customer_features:churn_risk_score"])
    with pytest.raises(DefinitionError, match="is the model's own score"):
        _check_input(model, model.features[0], {"customer_features": shop_view()})


def test_an_input_that_needs_a_request_is_refused() -> None:
    def asking(stg_order_lines):
        return {"ratio": request("amount", "float64") / stg_order_lines["line_amount"].sum()}

    view = FeatureStore({LINES.name: LINES}).create_feature_view("asking", [customer])(asking)

    with pytest.raises(DefinitionError, match="'asking:ratio' needs the request value amount"):
        _check_input(shop_model(), "asking:ratio", {"asking": view})
