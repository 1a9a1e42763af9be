"""feedback/<model>_shadow: what the challenger would have answered, beside what production did."""

from collections.abc import Iterator
from datetime import datetime

import dagster as dg
import orjson
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.assets.context import OWNER, column_schema, provenance, table_metadata
from mlinfra_assets.assets.findings import check_result, check_specs, nothing_to_check
from mlinfra_assets.hooks import push_model_hook
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.learning.labels import (
    NO_OUTCOMES,
    OUTCOME_COLUMNS,
    PREDICTION_COLUMNS,
    Labelled,
    label_predictions,
)
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.promotions import NewPromotion
from mlinfra_assets.learning.shadow import (
    PRODUCTION_HOLDS,
    SHADOW_SCHEMA,
    Shadow,
    compare_shadow,
    shadow_scores,
)
from mlinfra_assets.learning.store import ModelStore
from resources.clock import ClockResource
from resources.lake import LakeResource

DESCRIPTIONS = {
    "prediction_id": "The prediction.",
    "predicted_at": "When it was made (UTC).",
    "model_version": "The version that answered.",
    "score": "What it answered.",
    "shadow_version": "The challenger.",
    "shadow_score": "What the challenger would have answered from the same vector.",
}
PREDICTIONS, OUTCOMES = names.processed(names.PREDICTIONS), names.processed(names.OUTCOMES)


def shadow_asset(model: ModelSpec) -> dg.AssetsDefinition:
    """The challenger of a model in shadow."""
    key = dg.AssetKey(names.shadow(model.name))
    then = " Where it is better by the promotion rule it is promoted." if model.promotion.shadow else ""

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(PREDICTIONS), dg.AssetKey(OUTCOMES), dg.AssetKey(names.model(model.name))],
        group_name=names.FEEDBACK,
        output_required=False,
        kinds={"deltalake", "onnx"},
        owners=[model.owner or OWNER],
        description=f"The newest version of `{model.name}` that never was in production scores the logged vectors of "
        f"the predictions made since it was trained; nobody is answered with it.{then}",
        metadata=column_schema(SHADOW_SCHEMA, DESCRIPTIONS),
        hooks={push_model_hook(model)},
        check_specs=check_specs(
            key, {PRODUCTION_HOLDS: "By the promotion rule, on outcomes, the challenger is not better than production."}
        ),
    )
    def shadow(
        context: dg.AssetExecutionContext, lake: LakeResource, clock: ClockResource
    ) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
        opened, now = lake.open(), clock.now()
        store, logged = ModelStore(opened, model.name), opened.table(names.table(*PREDICTIONS))
        challenger, production = store.challenger(), store.production()
        if challenger is None or production is None or not logged.exists():
            yield nothing_to_check(key, PRODUCTION_HOLDS, "no challenger: the newest version is or was in production")
            return
        version = logged.version()
        stamped = provenance(context, {logged.name: version})
        table = opened.table(names.table(*key.path))
        progress = table.progress(table.name)
        done = table.read() if table.exists() else pl.DataFrame(schema=SHADOW_SCHEMA)
        predictions = logged.read(
            columns=[*PREDICTION_COLUMNS, "features"], version=version, where=[("model", "==", model.name)]
        )
        fresh = shadow_scores(store.load(challenger), predictions, done)
        advance = {table.name: (progress, (progress or 0) + 1)}
        table.append(fresh, provenance=stamped, stats_columns=["predicted_at"], advance=advance)
        labelled = _labelled(opened, model, predictions, now)
        found = compare_shadow(model, challenger, production.version, pl.concat([done, fresh]), labelled)
        promoted = model.promotion.shadow and found.decision.promote and _promote(store, found, now, stamped)
        yield dg.MaterializeResult(
            metadata={
                **table_metadata(table, fresh.height),
                "shadow": dg.MetadataValue.md(found.to_markdown()),
                "challenger": challenger,
                "model_version": production.version,
                "promoted": promoted,
            },
            check_results=[check_result(found.finding())],
        )

    return shadow


def _labelled(lake: Lake, model: ModelSpec, predictions: pl.DataFrame, now: datetime) -> Labelled:
    """The model's predictions with the labels that are known."""
    table = lake.table(names.table(*OUTCOMES))
    outcomes = table.read(columns=OUTCOME_COLUMNS) if table.exists() else NO_OUTCOMES
    return label_predictions(model, predictions, outcomes, now)


def _promote(store: ModelStore, found: Shadow, now: datetime, stamped: Provenance) -> bool:
    """Put the challenger into production; the hook pushes it."""
    both = {"challenger": found.decision.challenger.to_dict(), "champion": found.decision.champion.to_dict()}
    promotion = NewPromotion(found.challenger, now, f"in shadow: {found.decision.why}", orjson.dumps(both).decode())
    return store.promote(promotion, stamped, instead_of=found.production)
