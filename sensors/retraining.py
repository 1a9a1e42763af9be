"""Notices that a model is to be trained again by the conditions that it declares, and asks for it with the reasons."""

from collections.abc import Mapping

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.breakers.asking import open_breakers
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.retraining_reasons import retraining_reasons
from mlinfra_assets.publishing.upstream import model_breakers
from resources.clock import ClockResource
from resources.lake import LakeResource
from sensors.progress import TAG, reason_to_wait


def retraining_sensor(model: ModelSpec, views: Mapping[str, FeatureView]) -> dg.SensorDefinition:
    """Asks for the training set and a new version when a declared condition holds.

    What was asked for is not remembered here: the record of trainings says what the last one saw, and a run that failed
    is asked for again.

    Args:
        model: The model.
        views: Every declared view, by name.
    """
    name = f"{model.name}_retraining"

    @dg.sensor(
        name=name,
        target=dg.AssetSelection.assets(dg.AssetKey(names.training(model.name)), dg.AssetKey(names.model(model.name))),
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Asks for a retraining of {model.name} by its declared conditions: its age, new data, drift, "
        "performance.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, lake: LakeResource, clock: ClockResource
    ) -> dg.SensorResult | dg.SkipReason:
        opened = lake.open()
        asked = retraining_reasons(model, opened, model.label.view.dataset, clock.now())
        if not asked.reasons:
            return dg.SkipReason(asked.rests)
        reasons = "; ".join(map(str, asked.reasons))
        if waiting := open_breakers(opened, model_breakers(model, views)):
            return dg.SkipReason(f"{reasons}; waits for {', '.join(b.subject for b in waiting)} to close")
        wait = reason_to_wait(context.instance, name)
        if wait:
            return dg.SkipReason(f"{reasons}; {wait}")
        context.log.info("asking for a training of %s: %s", model.name, reasons)
        return dg.SensorResult(run_requests=[dg.RunRequest(tags={TAG: name, names.REASONS_TAG: reasons})])

    return sensor
