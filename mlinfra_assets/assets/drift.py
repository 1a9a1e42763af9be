"""feedback/<model>_drift: what a model learned from beside what it is asked about."""

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.assets.context import OWNER, column_schema, provenance, table_metadata
from mlinfra_assets.assets.findings import check_result, check_specs, nothing_to_check
from mlinfra_assets.learning.drift import DRIFT_SCHEMA, NO_DRIFT, measure_drift
from mlinfra_assets.learning.finding import kept
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.store import ModelStore
from resources.lake import LakeResource

COLUMNS = ("prediction_id", "model", "model_version", "predicted_at", "features", "score")
DESCRIPTIONS = {
    "feature": "The input as `view:feature`, or `score`.",
    "trained": "Cases of the training set.",
    "served": "Predictions that were looked at.",
    "trained_null": "Share of nulls in the training set.",
    "served_null": "Share of nulls in the predictions.",
    "psi": "Population stability index over the bins.",
    "ks": "Kolmogorov-Smirnov distance, null below every value.",
    "drifted": "Whether a declared limit is passed.",
    "edges": "Upper edges of the bins: quantiles of the training set.",
    "trained_counts": "Cases of the training set in each bin; the last bin is null.",
    "served_counts": "Predictions in each bin.",
}


def drift_asset(model: ModelSpec) -> dg.AssetsDefinition:
    """How far a model's inputs and scores are from what it learned from."""
    key = dg.AssetKey(names.drift(model.name))
    predictions = names.processed(names.PREDICTIONS)
    limits = model.monitoring

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(predictions), dg.AssetKey(names.model(model.name))],
        group_name=names.FEEDBACK,
        output_required=False,
        kinds={"deltalake", "polars"},
        owners=[model.owner or OWNER],
        description=f"Each input of `{model.name}` and its score: the training set of the version in production beside "
        f"the vectors and scores that were logged in the last {limits.window}, by PSI and KS.",
        metadata=column_schema(DRIFT_SCHEMA, DESCRIPTIONS),
        check_specs=check_specs(
            key, {NO_DRIFT: f"No feature and not the score has a PSI above {limits.psi:g} or a KS above {limits.ks:g}."}
        ),
    )
    def drifted(
        context: dg.AssetExecutionContext, lake: LakeResource
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        opened = lake.open()
        store, logged = ModelStore(opened, model.name), opened.table(names.table(*predictions))
        production = store.production()
        if production is None or not logged.exists():
            yield nothing_to_check(key, NO_DRIFT, "no version is in production, or nothing was predicted yet")
            return
        stored = store.load(production.version)
        training, version = opened.table(stored.training_table), logged.version()
        result = measure_drift(
            model,
            stored,
            training.read(version=stored.training_version),
            logged.read(columns=COLUMNS, version=version, where=[("model", "==", model.name)]),
        )
        table, finding = opened.table(names.table(*key.path)), result.finding()
        inputs = {logged.name: version, training.name: stored.training_version}
        stamped = replace(provenance(context, inputs), extra=kept([finding], result.newest))
        table.replace(result.frame(), provenance=stamped, stats_columns=())
        yield dg.MaterializeResult(
            metadata={
                **table_metadata(table, len(result.features)),
                "drift": dg.MetadataValue.md(result.to_markdown()),
                "model_version": result.version,
                "largest_psi": max((f.psi for f in result.features if f.psi is not None), default=0.0),
                "largest_ks": max((f.ks for f in result.features if f.ks is not None), default=0.0),
                "drifted": sum(f.drifted for f in result.features),
            },
            check_results=[check_result(finding)],
        )

    return drifted
