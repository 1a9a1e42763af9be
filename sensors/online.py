"""Notices that Redis holds less than the lake (a failed push, an empty Redis, a stale view) and asks for a push."""

from collections.abc import Sequence

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.breakers.asking import open_breakers
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.store import ModelStore
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.publishing.mirror import mirror_breakers
from mlinfra_assets.publishing.snapshots import newest_snapshot
from mlinfra_assets.publishing.upstream import view_breakers
from resources.lake import LakeResource
from resources.redis import OnlineStoreResource
from sensors.progress import TAG, reason_to_wait

NAME = "online_repair"


def online_sensor(
    views: Sequence[FeatureView], models: Sequence[ModelSpec], documents: Documents
) -> dg.SensorDefinition:
    """The sensor that keeps Redis up with the lake."""
    keys = [dg.AssetKey(names.online(item.name)) for item in (*views, *models)]

    @dg.sensor(
        name=NAME,
        target=dg.AssetSelection.assets(*keys),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for online/<name> where Redis does not hold what the newest snapshot or promotion says.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, lake: LakeResource, online_store: OnlineStoreResource
    ) -> dg.SensorResult | dg.SkipReason:
        try:
            store = online_store.open()
            held = {state.name: (state.version, dict(state.watermark)) for state in store.views()}
            served = {model.name: store.model_version(model.name) for model in models}
        except MlinfraError as error:
            return dg.SkipReason(f"Redis cannot be asked: {error}")
        opened = lake.open()
        mirror_breakers(opened, store)
        behind = [v.name for v in views if _wanted(opened, v, documents) not in (None, held.get(v.name))]
        pinned = [name for name in behind if name in held and store.pinning(name).pin() is not None]
        behind = [name for name in behind if name not in pinned]
        frozen = [v.name for v in views if v.name in behind and open_breakers(opened, view_breakers(v))]
        behind = [name for name in behind if name not in frozen]
        for model in models:
            production = ModelStore(opened, model.name).production()
            if production is not None and served[model.name] != production.version:
                behind.append(model.name)
        if not behind:
            waiting = f"; {', '.join(frozen)} waits for a breaker to close" if frozen else ""
            waiting += f"; {', '.join(pinned)} is rolled back until it is resumed" if pinned else ""
            return dg.SkipReason(f"Redis holds what the lake says{waiting}")
        wait = reason_to_wait(context.instance, NAME)
        if wait:
            return dg.SkipReason(wait)
        asked = [dg.AssetKey(names.online(name)) for name in behind]
        return dg.SensorResult(run_requests=[dg.RunRequest(asset_selection=asked, tags={TAG: NAME})])

    return sensor


def _wanted(lake: Lake, view: FeatureView, documents: Documents) -> tuple[str, dict] | None:
    """Version and watermark that Redis should hold of a view; None while it has no snapshot."""
    provenance = newest_snapshot(lake.table(names.table(*names.features(view.name))))
    if provenance is None:
        return None
    return documents.version(view), dict(provenance.positions)
