"""online/: what Redis holds. The hook pushes; materializing one of these by hand rebuilds it from the lake."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.assets.context import OWNER, column_schema, view_columns
from mlinfra_assets.breakers.asking import FrozenError
from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.freezing import frozen_metadata, frozen_observation
from mlinfra_assets.hooks import PUSHED
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.publishing.models import push_model
from mlinfra_assets.publishing.report import model_metadata, view_metadata
from mlinfra_assets.publishing.views import push_view
from resources.clock import ClockResource
from resources.lake import LakeResource
from resources.redis import OnlineStoreResource

MODEL_COLUMNS = {
    "version": "12 hexadecimal digits over the ONNX file and its inputs.",
    "inputs": "The features that it takes, in order.",
    "onnx": "The file that the API scores with.",
}


def online_view_asset(view: FeatureView, documents: Documents) -> dg.AssetsDefinition:
    """The online side of a feature view."""
    key = dg.AssetKey(names.online(view.name))

    @dg.asset(
        key=key,
        deps=[dg.AssetDep(dg.AssetKey(names.features(view.name)), partition_mapping=dg.LastPartitionMapping())],
        group_name=names.ONLINE,
        kinds={"redis"},
        owners=[view.owner or OWNER],
        description=f"What Redis serves of `{view.name}`: for every entity the events that its features rest on, up to "
        "a watermark; values are computed at the moment of the request. The hook on the snapshot pushes it; "
        "materialize this to rebuild Redis from the lake.",
        metadata=column_schema({**dtypes(view.key_schema), **dtypes(view.schema)}, view_columns(view)),
        output_required=False,
        check_specs=[_pushed_spec(key)],
    )
    def online(
        context: dg.AssetExecutionContext, lake: LakeResource, online_store: OnlineStoreResource, clock: ClockResource
    ) -> Iterator[dg.MaterializeResult | dg.AssetObservation | dg.AssetCheckResult]:
        try:
            pushed = push_view(lake.open(), online_store.open(), view, documents, clock.now(), context.run.run_id)
        except FrozenError as frozen:
            yield frozen_observation(key, frozen.breakers)
            yield dg.AssetCheckResult(
                passed=False,
                check_name=PUSHED,
                asset_key=key,
                severity=dg.AssetCheckSeverity.WARN,
                description=str(frozen),
                metadata=frozen_metadata(frozen.breakers),
            )
        else:
            yield _result(view_metadata(pushed))

    return online


def online_model_asset(model: ModelSpec) -> dg.AssetsDefinition:
    """The online side of a model: the version in production."""
    key = dg.AssetKey(names.online(model.name))

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(names.model(model.name))],
        group_name=names.ONLINE,
        kinds={"redis", "onnx"},
        owners=[model.owner or OWNER],
        description=f"The version of `{model.name}` that the API scores with. The hook on the training pushes it; "
        "materialize this to rebuild Redis from the lake.",
        metadata=column_schema({"version": "string", "inputs": "list[string]", "onnx": "binary"}, MODEL_COLUMNS),
        check_specs=[_pushed_spec(key)],
    )
    def online(
        context: dg.AssetExecutionContext, lake: LakeResource, online_store: OnlineStoreResource
    ) -> dg.MaterializeResult:
        pushed = push_model(lake.open(), online_store.open(), model)
        if pushed is None:
            context.log.info("no version of %s is in production yet: there is nothing to push", model.name)
            return _result({"model_version": "none"})
        return _result(model_metadata(pushed))

    return online


def _pushed_spec(key: dg.AssetKey) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(PUSHED, asset=key, description="The last push to Redis came through.")


def _result(metadata: dict[str, Any]) -> dg.MaterializeResult:
    return dg.MaterializeResult(
        metadata={**metadata, "pushed_by": "asset"},
        check_results=[dg.AssetCheckResult(passed=True, check_name=PUSHED, metadata=metadata)],
    )
