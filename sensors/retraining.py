"""Notices that a model does worse than it should on what came true, and asks for a retraining."""

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.learning.model import ModelSpec
from sensors.progress import TAG, reason_to_wait


def retraining_sensor(model: ModelSpec, check: str) -> dg.SensorDefinition:
    """Asks for the training set and a new version when the performance check of a model fails.

    Args:
        model: The model.
        check: Name of the check on `feedback/<model>_performance`.
    """
    name = f"{model.name}_retraining"
    key = dg.AssetCheckKey(dg.AssetKey((names.FEEDBACK, f"{model.name}_performance")), check)

    @dg.sensor(
        name=name,
        target=dg.AssetSelection.assets(dg.AssetKey(names.training(model.name)), dg.AssetKey(names.model(model.name))),
        minimum_interval_seconds=300,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Asks for a retraining of {model.name} when its predictions stop telling apart what comes true.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        history = context.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        if not history or history[0].event is None or history[0].event.dagster_event is None:
            return dg.SkipReason(f"{key.to_user_string()} has not run yet")
        evaluation = history[0].event.dagster_event.asset_check_evaluation_data
        if evaluation.passed:
            return dg.SkipReason(f"{key.to_user_string()} passed")
        if context.cursor == str(history[0].id):
            return dg.SkipReason("a retraining was asked for after this very failure")
        wait = reason_to_wait(context.instance, name)
        if wait:
            return dg.SkipReason(wait)
        return dg.SensorResult(run_requests=[dg.RunRequest(tags={TAG: name})], cursor=str(history[0].id))

    return sensor
