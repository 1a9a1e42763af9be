"""The materialization hook: on success of a snapshot or a model, push it to Redis, and report what came of it.

A hook's failure fails no run. So it reports: a materialization of `online/<name>` on success, a failed check there
otherwise, which a sensor sees and has repaired.
"""

from collections.abc import Callable
from typing import Any

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.breakers.asking import FrozenError
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.online.errors import PinnedError
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.freezing import frozen_metadata, frozen_observation
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.publishing.models import push_model
from mlinfra_assets.publishing.report import model_metadata, view_metadata
from mlinfra_assets.publishing.snapshots import newest_day
from mlinfra_assets.publishing.views import push_view

PUSHED = "pushed"

Push = Callable[[dg.HookContext], dict[str, Any] | None]


def push_view_hook(view: FeatureView, documents: Documents) -> dg.HookDefinition:
    """Pushes a view's bases after a run that wrote its newest day; an older day changes nothing online."""

    def push(context: dg.HookContext) -> dict[str, Any] | None:
        lake: Lake = context.resources.lake.open()
        newest = newest_day(lake.table(names.table(*names.features(view.name))))
        written = _partitions(context)
        if newest is not None and written and max(written) < newest.isoformat():
            context.log.info("the newest day of %s is %s: %s changes nothing online", view.name, newest, max(written))
            return None
        now = context.resources.clock.now()
        return view_metadata(
            push_view(lake, context.resources.online_store.open(), view, documents, now, context.run_id)
        )

    return _reporting_hook(view.name, push)


def push_model_hook(model: ModelSpec) -> dg.HookDefinition:
    """Pushes the version that is in production after a training."""

    def push(context: dg.HookContext) -> dict[str, Any] | None:
        pushed = push_model(context.resources.lake.open(), context.resources.online_store.open(), model)
        return None if pushed is None else model_metadata(pushed)

    return _reporting_hook(model.name, push)


def _reporting_hook(name: str, push: Push) -> dg.HookDefinition:
    online = dg.AssetKey(names.online(name))

    @dg.success_hook(name=f"push_{name}", required_resource_keys={"clock", "lake", "online_store"})
    def hook(context: dg.HookContext) -> None:
        try:
            metadata = push(context)
        except FrozenError as frozen:
            context.instance.report_runless_asset_event(frozen_observation(online, frozen.breakers))
            metadata = {**frozen_metadata(frozen.breakers), "run": context.run_id}
            _report_check(context, online, metadata, passed=False, severity=dg.AssetCheckSeverity.WARN)
            context.log.warning("online/%s keeps what it serves: %s", name, frozen)
            return
        except PinnedError as pinned:
            _report_check(
                context,
                online,
                {"error": str(pinned), "run": context.run_id},
                passed=False,
                severity=dg.AssetCheckSeverity.WARN,
            )
            context.log.warning("online/%s keeps what it serves: %s", name, pinned)
            return
        except MlinfraError as error:
            _report_check(context, online, {"error": str(error), "run": context.run_id}, passed=False)
            context.log.error("online/%s was not pushed: %s", name, error)  # noqa: TRY400 - the message says it all
            return
        if metadata is None:
            return
        context.instance.report_runless_asset_event(
            dg.AssetMaterialization(online, metadata={**metadata, "pushed_by": "hook", "run": context.run_id})
        )
        _report_check(context, online, metadata, passed=True)

    return hook


def _report_check(
    context: dg.HookContext,
    online: dg.AssetKey,
    metadata: dict[str, Any],
    *,
    passed: bool,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> None:
    context.instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=online, check_name=PUSHED, passed=passed, metadata=metadata, severity=severity
        )
    )


def _partitions(context: dg.HookContext) -> list[str]:
    """Partitions that the step at hand materialized: a hook is not told, its step's own events are."""
    records = context.instance.all_logs(context.run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    events = [r.dagster_event for r in records if r.dagster_event is not None]
    return [e.partition for e in events if e.step_key == context.step_key and e.partition is not None]
