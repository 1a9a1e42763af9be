"""feedback/: what came true of the predictions, as events that come back in, and how well the model does."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import dagster as dg
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.assets.context import OWNER, column_schema, provenance, table_metadata
from mlinfra_assets.automation import WHEN_INPUTS_PASS
from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.asking import open_breakers
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.feature_store.dataset import DatasetSchema
from mlinfra_assets.freezing import frozen_observation
from mlinfra_assets.ingest.outcomes import OUTCOMES_SCHEMA, publish_outcomes
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.performance import Performance, performance
from mlinfra_assets.publishing.lake_reader import LakeReader
from mlinfra_assets.publishing.upstream import label_breakers
from resources.clock import ClockResource
from resources.lake import LakeResource
from resources.streams import StreamResource

PERFORMANCE_CHECK = "better_than_chance"
PERFORMANCE_SCHEMA = {
    "prediction_id": pl.String(),
    "model_version": pl.String(),
    "predicted_at": pl.Datetime("us", "UTC"),
    "observed_at": pl.Datetime("us", "UTC"),
    "score": pl.Float64(),
    "label": pl.Int64(),
}


DESCRIPTIONS = {
    "prediction_id": "The prediction.",
    "entity": "Whom it was about: the join keys as JSON text.",
    "model_version": "The version that made it.",
    "predicted_at": "When it was made (UTC).",
    "observed_at": "When its horizon ended (UTC).",
    "score": "What it said.",
    "label": "What came true: 0 or 1.",
    "sent_at": "When the outcome was sent to the stream (UTC).",
}


def outcomes_asset(model: ModelSpec, datasets: Mapping[str, DatasetSchema], outcomes: Source) -> dg.AssetsDefinition:
    """The outcomes of a model's predictions, sent to the outcomes stream once their horizon has passed."""
    assert isinstance(outcomes.ingest, StreamIngest)  # noqa: S101 - the platform's own source is a stream
    topic = outcomes.ingest.topic
    key = dg.AssetKey((names.FEEDBACK, f"{model.name}_outcomes"))
    table_of_labels = model.label.view.dataset.table

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(names.processed(names.PREDICTIONS)), dg.AssetKey(table_of_labels.split("/"))],
        group_name=names.FEEDBACK,
        output_required=False,
        kinds={"deltalake", "polars"},
        owners=[model.owner or OWNER],
        description=f"What came true of the predictions of `{model.name}` whose horizon ({model.label.horizon}) has "
        f"passed: sent to the stream `{topic}`, from where it comes in like any other source, and kept here so that "
        "nothing is sent twice.",
        metadata=column_schema(OUTCOMES_SCHEMA, DESCRIPTIONS),
    )
    def derived(
        context: dg.AssetExecutionContext, lake: LakeResource, streams: StreamResource, clock: ClockResource
    ) -> Iterator[dg.MaterializeResult | dg.AssetObservation]:
        opened = lake.open()
        if waiting := open_breakers(opened, [subjects.source(names.PREDICTIONS), *label_breakers(model)]):
            yield frozen_observation(key, waiting)
            return
        reader = LakeReader(opened, datasets)
        run = provenance(context)
        sent = publish_outcomes(opened, streams.open(), model, reader, topic, clock.now(), clock.stamp(), run)
        table = opened.table(names.table(*key.path))
        yield dg.MaterializeResult(metadata={**table_metadata(table, sent), "stream": topic})

    return derived


def performance_asset(model: ModelSpec) -> dg.AssetsDefinition:
    """How well a model does in production."""
    key = dg.AssetKey((names.FEEDBACK, f"{model.name}_performance"))
    predictions, outcomes = names.processed(names.PREDICTIONS), names.processed(names.OUTCOMES)

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(predictions), dg.AssetKey(outcomes)],
        group_name=names.FEEDBACK,
        kinds={"deltalake", "polars"},
        owners=[model.owner or OWNER],
        description=f"Logged predictions of `{model.name}` joined with what came true: discrimination, calibration, by "
        "version and by month.",
        metadata=column_schema(PERFORMANCE_SCHEMA, DESCRIPTIONS),
        automation_condition=WHEN_INPUTS_PASS,
        check_specs=[
            dg.AssetCheckSpec(
                PERFORMANCE_CHECK,
                asset=key,
                description="The predictions that came due tell apart what came true better than chance (AUC above "
                "0.5). A failure asks for a retraining.",
            )
        ],
    )
    def judged(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        opened = lake.open()
        inputs = {names.table(*k): opened.table(names.table(*k)).version() for k in (predictions, outcomes)}
        logged, came_true = (opened.table(name).read(version=version) for name, version in inputs.items())
        result = performance(model.name, logged, came_true)
        table = opened.table(names.table(*key.path))
        table.replace(result.frame, provenance=replace(provenance(context), inputs=inputs), stats_columns=())
        return dg.MaterializeResult(
            metadata={
                **table_metadata(table, result.frame.height),
                "performance": dg.MetadataValue.md(result.to_markdown()),
                **_numbers(result),
            },
            check_results=[_check(result)],
        )

    return judged


def _numbers(result: Performance) -> dict[str, float]:
    found = {"auc": result.overall.auc, "log_loss": result.overall.log_loss, "brier": result.overall.brier}
    return {name: value for name, value in found.items() if value is not None}


def _check(result: Performance) -> dg.AssetCheckResult:
    auc = result.overall.auc
    return dg.AssetCheckResult(
        check_name=PERFORMANCE_CHECK,
        passed=auc is None or auc > 0.5,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"AUC {auc:.4f} over {result.overall.n} predictions"
        if auc is not None
        else "no prediction has come due yet that could be judged",
        metadata={"judged": result.overall.n, "waiting": result.waiting},
    )
