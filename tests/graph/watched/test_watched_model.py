"""Predictions and outcomes through their contracts, then what is watched: performance, drift, the challenger."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import dagster as dg
import polars as pl

from mlinfra_assets.assets.drift import drift_asset
from mlinfra_assets.assets.performance import performance_asset
from mlinfra_assets.assets.shadow import shadow_asset
from mlinfra_assets.learning.finding import found
from mlinfra_assets.learning.logged_vectors import logged_vectors
from mlinfra_assets.settings import Settings
from resources.environments import resources_for
from tests.support.shop_models import shop_model
from tests.support.watched_shop import FIRST, MODEL, NOW, WatchedShop


def metadata(done: dg.ExecuteInProcessResult, name: str) -> Any:
    [event] = done.asset_materializations_for_node(f"feedback__churn_{name}")
    return {key: value.value for key, value in event.metadata.items()}


def test_performance_joins_by_id_and_by_entity_and_counts_the_rest(shop: WatchedShop) -> None:
    assert shop.lake.table("processed/outcomes_quarantine").count() == 0
    assert shop.lake.table("processed/outcomes").count() == 27

    done = shop.materialize(performance_asset(MODEL))

    said = metadata(done, "performance")
    assert {name: said[name] for name in ("by_id", "by_entity", "live", "waiting", "overdue")} == {
        "by_id": 20,
        "by_entity": 6,  # of the first day 12020 and 12021, of the second all four
        "live": 4,
        "waiting": 26,
        "overdue": 8,
    }
    assert (said["corrected"], said["nameless"], said["unknown"]) == (1, 1, 1)
    assert "data:image/svg+xml;base64," in said["performance"]
    assert shop.lake.table("feedback/churn_performance").count() == 26
    findings, newest = found(shop.lake.table("feedback/churn_performance").provenance())
    assert [f.check for f in findings] == ["better_than_chance", "as_measured", "calibrated"]
    assert {f.check: (f.passed, f.why) for f in findings} == shop.check(done)
    assert newest == FIRST + timedelta(days=60)


def test_drift_is_measured_against_the_training_set_of_the_version_in_production(shop: WatchedShop) -> None:
    done = shop.materialize(drift_asset(MODEL))

    rows = shop.lake.table("feedback/churn_drift").read()
    assert rows["feature"].to_list() == [*MODEL.features, "score"]
    kept = shop.lake.table("training/churn").read(version=shop.models.load(shop.production).training_version)
    assert set(rows["trained"]) == {kept.filter(pl.col("role") == "train").height}
    assert set(rows["served"]) == {60}
    assert metadata(done, "drift")["largest_psi"] == rows["psi"].max()
    assert "data:image/svg+xml;base64," in metadata(done, "drift")["drift"]
    assert shop.check(done)["no_drift"][0] == (not rows["drifted"].any())


def test_logged_scores_come_out_of_the_logged_vectors_bit_for_bit(shop: WatchedShop) -> None:
    logged = shop.lake.table("processed/predictions").read()
    assert logged["model_version"].unique().to_list() == [shop.production]
    stored = shop.models.load(shop.production)
    again = stored.scorer().score(logged_vectors(logged["features"], stored.inputs))
    assert again.tolist() == logged["score"].to_list()


def test_a_challenger_scores_what_production_answered_since_and_nobody_is_answered_with_it(shop: WatchedShop) -> None:
    production, challenger = shop.production, shop.challenger

    done = shop.materialize(shadow_asset(MODEL))

    rows = shop.lake.table("feedback/churn_shadow").read().sort("prediction_id")
    logged = shop.lake.table("processed/predictions").read().sort("prediction_id")
    assert rows["prediction_id"].to_list() == logged["prediction_id"].to_list()
    assert set(rows["shadow_version"]) == {challenger}
    stored = shop.models.load(challenger)
    scores = stored.scorer().score(logged_vectors(logged["features"], stored.inputs))
    assert rows["shadow_score"].to_list() == scores.tolist()
    assert "on the same 22 later cases" in shop.check(done)["production_holds"][1]
    assert shop.production == production

    assert shop.materialize(shadow_asset(MODEL)).success, "again: nothing is scored twice"
    assert shop.lake.table("feedback/churn_shadow").count() == rows.height


def test_one_that_wins_in_shadow_is_promoted_and_served_where_that_is_declared(shop: WatchedShop) -> None:
    challenger, table = shop.challenger, shop.lake.table("processed/outcomes")
    logged = shop.lake.table("processed/predictions").read()
    opposite = (logged["score"] < logged["score"].median()).cast(pl.Int64)  # of what production says
    foretold = dict(zip(logged["prediction_id"], opposite, strict=True))
    label = pl.col("prediction_id").replace_strict(foretold, default=pl.col("label"), return_dtype=pl.Int64)
    provenance = table.provenance()
    assert provenance is not None
    table.replace(table.read().with_columns(label.alias("label")), provenance=provenance)
    model = replace(MODEL, promotion=replace(MODEL.promotion, shadow=True))

    assert shop.materialize(shadow_asset(model)).success

    promoted = shop.models.production()
    assert promoted is not None
    assert promoted.version == challenger == shop.online.model_version("churn")
    assert promoted.why.startswith("in shadow: auc ")
    assert promoted.promoted_at == NOW
    assert shop.models.challenger() is None


def test_a_model_without_a_version_or_predictions_is_no_error(settings: Settings) -> None:
    other = shop_model(name="other")
    with dg.DagsterInstance.ephemeral() as instance:
        for asset in (drift_asset(other), shadow_asset(other)):
            done = dg.materialize([asset], instance=instance, resources=resources_for(settings))
            assert done.success
            assert done.get_asset_materialization_events() == []
            assert all(check.passed for check in done.get_asset_check_evaluations())
