"""training/: what a model learns from. Point-in-time features and the labels that came true, one table a model."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import dagster as dg
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.assets.context import OWNER, column_schema, markdown_table, provenance, table_metadata, view_columns
from mlinfra_assets.breakers.asking import open_breakers
from mlinfra_assets.clock import from_micros
from mlinfra_assets.feature_store.dataset import DatasetSchema
from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.feature_store.wording import text_of
from mlinfra_assets.freezing import frozen_observation
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.scores import ProductionScores
from mlinfra_assets.learning.store import ModelStore
from mlinfra_assets.learning.training_set import CUTOFF, LABEL, LAST_CUTOFF, ROLE, TrainingSet, build_training_set
from mlinfra_assets.publishing.lake_reader import LakeReader
from mlinfra_assets.publishing.upstream import model_breakers
from resources.clock import ClockResource
from resources.lake import LakeResource


def training_schema(model: ModelSpec, views: Mapping[str, FeatureView]) -> dict[str, object]:
    """Columns of a model's training set."""
    keys = views[model.spine.view].key_schema
    columns: dict[str, object] = {CUTOFF: pl.Datetime("us", "UTC"), ROLE: pl.String(), **dtypes(keys)}
    for reference in model.features:
        view, _, feature = reference.partition(":")
        columns[reference] = dtypes(views[view].schema)[feature]
    return {**columns, LABEL: pl.Int64()}


def training_asset(
    model: ModelSpec, views: Mapping[str, FeatureView], datasets: Mapping[str, DatasetSchema]
) -> dg.AssetsDefinition:
    """The training set of a model."""
    key = dg.AssetKey(names.training(model.name))
    read_views = sorted({model.spine.view, *(reference.partition(":")[0] for reference in model.features)})
    described = {
        **_inputs(model, views),
        CUTOFF: "The moment (UTC) that the features are as of, and the label looks ahead from.",
        ROLE: "`train`, `holdout` (later, nothing is learned from it), or `gap` between them, as long as the horizon.",
        LABEL: f"Whether {model.label.feature}, one horizon ({model.label.horizon}) after the cutoff.",
    }

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(names.features(view)) for view in read_views],
        group_name=names.TRAINING,
        output_required=False,
        kinds={"deltalake", "polars"},
        owners=[model.owner or OWNER],
        description=f"What `{model.name}` learns from: the entities that `{model.spine.view}` serves every "
        f"{model.spine.every}, their features as known then, and what came true {model.label.horizon} later. Each "
        "commit names the versions of the tables that it was computed from; older training sets are older versions.",
        metadata=column_schema(training_schema(model, views), described),
    )
    def training(
        context: dg.AssetExecutionContext, lake: LakeResource, clock: ClockResource
    ) -> Iterator[dg.MaterializeResult | dg.AssetObservation]:
        opened = lake.open()
        if waiting := open_breakers(opened, model_breakers(model, views)):
            yield frozen_observation(key, waiting)
            return
        reader = LakeReader(opened, datasets)
        production = ModelStore(opened, model.name).production()
        also = () if production is None else ModelStore(opened, model.name).load(production.version).inputs
        built = build_training_set(model, views, reader, clock.now(), models=ProductionScores(opened), also=also)
        table = opened.table(names.table(*key.path))
        newest = from_micros(built.cutoffs.all[-1]).isoformat()
        stamped = replace(provenance(context, reader.inputs), positions=reader.positions, extra={LAST_CUTOFF: newest})
        table.replace(built.frame, provenance=stamped, stats_columns=(), schema_change=True)
        yield dg.MaterializeResult(
            metadata={
                **table_metadata(table, built.frame.height),
                "cutoffs": _cutoffs(built),
                "complete_to": built.complete.isoformat(),
                "without_label": built.without_label,
                "inputs": dg.MetadataValue.json(reader.inputs),
            }
        )

    return training


def _inputs(model: ModelSpec, views: Mapping[str, FeatureView]) -> dict[str, str]:
    described = dict(view_columns(views[model.spine.view]))
    for reference in model.features:
        view, _, feature = reference.partition(":")
        described[reference] = text_of(views[view].feature(feature).node)
    return described


def _cutoffs(built: TrainingSet) -> dg.MetadataValue:
    by_cutoff = (
        built.frame.group_by(CUTOFF, ROLE).agg(pl.len().alias("rows"), pl.col(LABEL).mean().alias("base")).sort(CUTOFF)
    )
    rows: list[tuple[object, ...]] = [
        (cutoff.date().isoformat(), role, count, f"{base:.3f}") for cutoff, role, count, base in by_cutoff.iter_rows()
    ]
    return markdown_table(("cutoff", "role", "rows", "base rate"), rows)
