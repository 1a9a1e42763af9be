"""features/: every entity as it looked at the end of each day. One partition a day, as known at that moment."""

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import polars as pl
from pydantic import Field

from mlinfra_assets import names
from mlinfra_assets.assets.context import (
    OWNER,
    column_schema,
    positions_metadata,
    provenance,
    table_metadata,
    view_columns,
)
from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.asking import FrozenError, frozen_message
from mlinfra_assets.breakers.breaker import Breaker
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.checks import SNAPSHOT_CHECK, snapshot_check
from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.freezing import breaker_result, breaker_spec, frozen_observation
from mlinfra_assets.hooks import push_view_hook
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.partitions import days
from mlinfra_assets.publishing.day_inputs import behind
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.publishing.snapshot_days import MaterializedDays, materialize_days
from mlinfra_assets.publishing.snapshot_report import told
from resources.clock import ClockResource
from resources.lake import LakeResource


class SnapshotConfig(dg.Config):
    """What a run of snapshots may be asked for."""

    recompute: bool = Field(
        default=False,
        description="Compute every day, also one whose definition and inputs are those that it was computed from.",
    )


def snapshot_schema(view: FeatureView) -> pl.Schema:
    """Columns of a view's snapshots: the day, the join keys, the features that need nothing from a request."""
    stored = {feature.name: view.schema[feature.name] for feature in view.stored}
    return pl.Schema({"day": pl.Date(), **dtypes(view.key_schema), **dtypes(stored)})


def feature_asset(
    view: FeatureView, documents: Documents, partitions: dg.DailyPartitionsDefinition
) -> dg.AssetsDefinition:
    """The daily snapshots of a feature view."""
    key = dg.AssetKey(names.features(view.name))
    described = {"day": "The UTC day; values are as of its last microsecond, as known then.", **view_columns(view)}

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(table.split("/")) for table in sorted({each.dataset.table for each in behind(view)})],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=names.FEATURES,
        kinds={"deltalake", "polars", "numba"},
        owners=[view.owner or OWNER],
        tags=dict(view.tags),
        description=f"{view.description}\n\nA partition holds every entity that the view serves at the end of the day. "
        "A day whose definition, input rows and models are those that it was computed from is not computed again; "
        "`recompute: true` in the run's configuration computes it all the same. "
        f"Definition {documents.version(view)}"
        + (f"; scores of {', '.join(view.models)} are those of the version in production then" if view.models else ""),
        metadata={
            **column_schema(snapshot_schema(view), described),
            "definition": dg.MetadataValue.json(documents.definition(view)),
        },
        code_version=documents.version(view),
        hooks={push_view_hook(view, documents)} if view.online else None,
        output_required=False,
        check_specs=[
            dg.AssetCheckSpec(
                SNAPSHOT_CHECK,
                asset=key,
                blocking=True,
                description="Each entity once a day, and no day with less than half of the day before. "
                "Snapshots that fail are not written, and Redis keeps what it has.",
            ),
            breaker_spec(key),
        ],
    )
    def features(
        context: dg.AssetExecutionContext, config: SnapshotConfig, lake: LakeResource, clock: ClockResource
    ) -> Iterator[dg.MaterializeResult | dg.AssetObservation | dg.AssetCheckResult]:
        opened = lake.open()
        log, subject = BreakerLog(opened), subjects.view(view.name)
        was_open = log.breaker(subject).is_open
        try:
            found = materialize_days(
                opened,
                view,
                documents,
                days(list(context.partition_keys)),
                provenance(context),
                clock.now(),
                recompute=config.recompute,
                progress=lambda done, of: context.log.info("%s: %d of %d days computed", view.name, done, of),
            )
        except FrozenError as frozen:
            yield from _frozen(context, key, frozen.breakers)
        else:
            for line in told(found):
                context.log.info("%s: %s", view.name, line)
            if was_open and not found.check.passed:  # a probe: what fails while the breaker is open fails no run
                yield from _frozen(context, key, [log.breaker(subject)], found.check.message)
            else:
                yield _result(opened.table(names.table(*names.features(view.name))), found)
        yield breaker_result(log.breaker(subject))

    return features


def _frozen(
    context: dg.AssetExecutionContext, key: dg.AssetKey, breakers: Sequence[Breaker], said: str = ""
) -> Iterator[dg.AssetObservation | dg.AssetCheckResult]:
    for partition in context.partition_keys:
        yield frozen_observation(key, breakers, partition)
    yield dg.AssetCheckResult(
        check_name=SNAPSHOT_CHECK,
        asset_key=key,
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=said or frozen_message(breakers),
    )


def _result(table: LakeTable, found: MaterializedDays) -> dg.MaterializeResult:
    kept: dict[str, Any] = table_metadata(table, found.rows_written) if table.exists() else {}
    return dg.MaterializeResult(
        metadata={
            **kept,
            "view_version": found.version,
            "rows_read": found.rows_read,
            "days": len(found.standings),
            "days_computed": len(found.computed),
            "days_unchanged": len(found.unchanged),
            "days_of_other_definitions": len(found.outdated),
            "computed_again": dg.MetadataValue.md("\n".join(f"- {line}" for line in told(found))),
            "watermark": positions_metadata(found.positions),
            "inputs": dg.MetadataValue.json(dict(found.inputs)),
        },
        check_results=[snapshot_check(found.check)],
    )
