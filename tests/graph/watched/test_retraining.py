"""The retraining sensor: it asks when a declared condition holds, says why, and never twice for the same."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import dagster as dg
import polars as pl
import pytest
from dagster._core.definitions.sensor_definition import SensorExecutionData

from mlinfra_assets import names
from mlinfra_assets.assets.drift import drift_asset
from mlinfra_assets.assets.models import model_asset
from mlinfra_assets.assets.training import training_asset
from mlinfra_assets.breakers.decisions import Decision, open_by_hand
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.learning.finding import Finding, kept
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.retraining import Retraining
from mlinfra_assets.learning.trainings import Training
from mlinfra_assets.settings import Settings
from resources.environments import resources_for
from sensors.retraining import retraining_sensor
from tests.support.audited_shop import RUN
from tests.support.earlier_runs import asked_before
from tests.support.shop_lines import LINES
from tests.support.shop_models import shop_view
from tests.support.watched_shop import FIRST, MODEL, NOW, WatchedShop

SENSOR = "churn_retraining"
VIEWS = {"customer_features": shop_view()}
NEVER = Retraining(every=None, drift=False, performance=False)


def tick(shop: WatchedShop, model: ModelSpec = MODEL) -> SensorExecutionData:
    context = dg.build_sensor_context(instance=shop.instance, resources=shop.resources)
    return retraining_sensor(model, VIEWS).evaluate_tick(context)


def asked(shop: WatchedShop, retraining: Retraining) -> str:
    """The reasons with which it asks; empty if it does not."""
    requests = tick(shop, replace(MODEL, retraining=retraining)).run_requests or []
    return "; ".join(request.tags[names.REASONS_TAG] for request in requests)


def last_training(shop: WatchedShop) -> Training:
    found = shop.models.trainings.newest()
    assert found is not None
    return found


def fail(shop: WatchedShop, key: tuple[str, str], check: str, newest: datetime) -> None:
    """As if a check had failed on what became known at a time."""
    extra = kept([Finding(check, False, "0.9, the limit is 0.25")], newest)
    table = shop.lake.table(names.table(*key))
    table.replace(pl.DataFrame({"feature": ["v:a"]}), provenance=replace(RUN, extra=extra))


def test_its_age_asks_with_the_reason_and_not_again_after_that_training(shop: WatchedShop) -> None:
    [request] = tick(shop).run_requests or []
    reasons = request.tags[names.REASONS_TAG]
    assert reasons == f"schedule: the last training was on {FIRST:%Y-%m-%d} 00:00 UTC, one is due every 30d"
    assert request.tags["mlinfra/asked-by"] == SENSOR
    assert tick(shop).run_requests, "as long as nothing came of it"

    datasets = {LINES.name: LINES}
    assets = [training_asset(MODEL, VIEWS, datasets), model_asset(MODEL)]
    assert shop.materialize(*assets, tags=dict(request.tags)).success

    training = last_training(shop)
    assert (training.reasons, training.at) == (reasons, NOW)
    said = tick(shop)
    assert not said.run_requests
    assert f"a training would give version {training.version} again" in (said.skip_message or "")
    shop.clock.set(NOW + timedelta(days=400))
    assert not tick(shop).run_requests, "however old, without a new label it would give the same"


def test_new_cutoffs_ask_where_they_are_declared(shop: WatchedShop) -> None:
    assert asked(shop, NEVER) == ""
    assert asked(shop, replace(NEVER, cutoffs=9)) == ""
    assert asked(shop, replace(NEVER, cutoffs=1)).startswith("new data: ")


@pytest.mark.parametrize(
    ("key", "check", "condition"),
    [
        (names.drift("churn"), "no_drift", "drift"),
        (names.performance("churn"), "as_measured", "performance"),
    ],
)
def test_a_check_that_failed_asks_unless_it_was_known_at_the_last_training(
    shop: WatchedShop, key: tuple[str, str], check: str, condition: str
) -> None:
    declared = Retraining(every=None)
    trained = last_training(shop).at

    fail(shop, key, check, trained)
    assert asked(shop, declared) == ""

    fail(shop, key, check, trained + timedelta(microseconds=1))
    assert asked(shop, declared) == f"{condition}: {check}: 0.9, the limit is 0.25"
    assert asked(shop, NEVER) == ""


def test_real_drift_asks(shop: WatchedShop) -> None:
    strict = replace(MODEL, monitoring=replace(MODEL.monitoring, psi=0.0001), retraining=Retraining(every=None))
    assert shop.materialize(drift_asset(strict)).success

    [request] = tick(shop, strict).run_requests or []

    assert request.tags[names.REASONS_TAG].startswith("drift: no_drift: ")
    assert "PSI" in request.tags[names.REASONS_TAG]


def test_a_run_that_is_under_way_is_waited_for_with_the_reason(shop: WatchedShop) -> None:
    run = asked_before(shop.instance, SENSOR, dg.DagsterRunStatus.STARTED)

    said = tick(shop)

    assert not said.run_requests
    assert f"run {run} is under way" in (said.skip_message or "")
    assert "schedule: " in (said.skip_message or "")


def test_an_open_breaker_is_waited_for(shop: WatchedShop) -> None:
    open_by_hand(BreakerLog(shop.lake), "source/order_lines", Decision("ann", "looks odd", NOW, RUN))

    said = tick(shop)

    assert not said.run_requests
    assert "waits for source/order_lines to close" in (said.skip_message or "")


def test_a_home_without_anything_has_no_reason(settings: Settings) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        context = dg.build_sensor_context(instance=instance, resources=resources_for(settings))
        said = retraining_sensor(MODEL, VIEWS).evaluate_tick(context)
    assert not said.run_requests
    assert "cutoffs with a known label: none" in (said.skip_message or "")
