"""feedback/<model>_performance: logged predictions beside what came true."""

from dataclasses import replace

import dagster as dg
import orjson
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.assets.context import OWNER, column_schema, provenance, table_metadata
from mlinfra_assets.assets.findings import check_result, check_specs
from mlinfra_assets.automation import WHEN_INPUTS_PASS
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.finding import kept
from mlinfra_assets.learning.labels import OUTCOME_COLUMNS, PREDICTION_COLUMNS
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.performance import (
    AS_MEASURED,
    BETTER_THAN_CHANCE,
    CALIBRATED,
    Performance,
    Production,
    judge,
    performance,
)
from mlinfra_assets.learning.store import ModelStore
from resources.clock import ClockResource
from resources.lake import LakeResource

PERFORMANCE_SCHEMA = {
    "prediction_id": pl.String(),
    "model_version": pl.String(),
    "predicted_at": pl.Datetime("us", "UTC"),
    "observed_at": pl.Datetime("us", "UTC"),
    "known_at": pl.Datetime("us", "UTC"),
    "score": pl.Float64(),
    "label": pl.Int64(),
    "named_by": pl.String(),
    "final": pl.Boolean(),
}
DESCRIPTIONS = {
    "prediction_id": "The prediction.",
    "model_version": "The version that made it.",
    "predicted_at": "When it was made (UTC).",
    "observed_at": "When its outcome was observed (UTC).",
    "known_at": "When the platform could first have used the outcome (UTC).",
    "score": "What it said.",
    "label": "What came true: 0 or 1.",
    "named_by": "Whether the outcome names the prediction (`id`) or its entity (`entity`).",
    "final": "Whether the horizon is over. Before, the label is live: it may change.",
}


def performance_asset(model: ModelSpec) -> dg.AssetsDefinition:
    """How well a model does in production."""
    key = dg.AssetKey(names.performance(model.name))
    predictions, outcomes = names.processed(names.PREDICTIONS), names.processed(names.OUTCOMES)
    limits = model.monitoring

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(predictions), dg.AssetKey(outcomes)],
        group_name=names.FEEDBACK,
        kinds={"deltalake", "polars"},
        owners=[model.owner or OWNER],
        description=f"Logged predictions of `{model.name}` joined with what came true, by the prediction's id or by "
        "entity and time: discrimination and calibration over time and by version.",
        metadata=column_schema(PERFORMANCE_SCHEMA, DESCRIPTIONS),
        automation_condition=WHEN_INPUTS_PASS,
        check_specs=check_specs(
            key,
            {
                BETTER_THAN_CHANCE: "The predictions of the version in production that came due tell apart what came "
                "true better than chance (AUC above 0.5).",
                AS_MEASURED: f"Its {model.promotion.metric} on them is worse than on its holdout by "
                f"{limits.max_loss:g} at most.",
                CALIBRATED: "Predicted and observed probability are apart by "
                f"{limits.calibration_error:g} at most, in the mean.",
            },
        ),
    )
    def judged(context: dg.AssetExecutionContext, lake: LakeResource, clock: ClockResource) -> dg.MaterializeResult:
        opened = lake.open()
        inputs = {names.table(*k): opened.table(names.table(*k)).version() for k in (predictions, outcomes)}
        logged, came_true = (
            opened.table(name).read(columns=columns, version=version)
            for (name, version), columns in zip(inputs.items(), (PREDICTION_COLUMNS, OUTCOME_COLUMNS), strict=True)
        )
        result = performance(model, logged, came_true, clock.now())
        findings = judge(result, _production(opened, model))
        table = opened.table(names.table(*key.path))
        stamped = replace(provenance(context, inputs), extra=kept(findings, result.newest))
        table.replace(result.frame, provenance=stamped, stats_columns=(), schema_change=True)
        return dg.MaterializeResult(
            metadata={
                **table_metadata(table, result.frame.height),
                "performance": dg.MetadataValue.md(result.to_markdown()),
                **_numbers(result),
                **result.counts.to_dict(),
            },
            check_results=[
                check_result(f, {"judged": result.overall.n, "waiting": result.counts.waiting}) for f in findings
            ],
        )

    return judged


def _production(lake: Lake, model: ModelSpec) -> Production | None:
    store = ModelStore(lake, model.name)
    present = store.production()
    if present is None:
        return None
    return Production(present.version, orjson.loads(store.load(present.version).metrics)["holdout"])


def _numbers(result: Performance) -> dict[str, float]:
    found = {"auc": result.overall.auc, "log_loss": result.overall.log_loss, "brier": result.overall.brier}
    return {name: value for name, value in found.items() if value is not None}
