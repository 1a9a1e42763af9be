"""The demo's story on a small shop: everything comes in once, and every prediction is reproduced."""

from __future__ import annotations

from mlinfra_assets.demo.play import play
from mlinfra_assets.demo.progress import SilentProgress
from mlinfra_assets.demo.result import DemoResult
from mlinfra_assets.settings import Settings
from tests.support.mini_shop import mini_shop


def test_every_line_is_in_raw_once_and_processed_or_quarantined(played: tuple[Settings, DemoResult]) -> None:
    rows = played[1].rows

    assert rows.raw["order_lines"] == mini_shop().lines.height
    assert rows.processed["order_lines"] + rows.quarantined["order_lines"] == rows.raw["order_lines"]
    assert rows.quarantined["order_lines"] == sum(played[1].quarantine["order_lines"].values()) > 0


def test_every_prediction_is_reproduced_from_raw(played: tuple[Settings, DemoResult]) -> None:
    predictions = played[1].predictions

    assert predictions.made > 100
    assert predictions.reproduced == predictions.made
    assert predictions.outcomes > 0


def test_a_model_is_in_production_and_judged(played: tuple[Settings, DemoResult]) -> None:
    model = played[1].model

    assert model.version != "none"
    assert 0 < model.metrics["auc"] <= 1
    assert model.live


def test_every_view_is_online_with_a_score(played: tuple[Settings, DemoResult]) -> None:
    features = played[1].features

    assert set(features.pushed_by_view) == {"customer_features", "product_features", "customer_product_features"}
    assert all(features.pushed_by_view.values())
    assert features.sample["customer_features:churn_risk_score"] is not None


def test_playing_again_adds_nothing(played: tuple[Settings, DemoResult]) -> None:
    again = play(played[0], mini_shop(), SilentProgress())

    assert again.rows == played[1].rows
    assert again.predictions == played[1].predictions
    assert again.quarantine == played[1].quarantine
    assert again.model == played[1].model
