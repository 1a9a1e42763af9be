"""features/: every entity as it looked at the end of each day. One partition a day, as known at that moment."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import dagster as dg
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.assets.context import (
    OWNER,
    column_schema,
    positions_metadata,
    provenance,
    table_metadata,
    view_columns,
)
from mlinfra_assets.checks import SNAPSHOT_CHECK, snapshot_check
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.snapshot import snapshot
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.hooks import push_view_hook
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.learning.scores import ProductionScores
from mlinfra_assets.partitions import days
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.publishing.lake_reader import LakeReader
from mlinfra_assets.publishing.snapshots import LAST_DAY
from mlinfra_assets.registry.registry import Registry
from resources.clock import ClockResource
from resources.lake import LakeResource


def snapshot_schema(view: FeatureView) -> pl.Schema:
    """Columns of a view's snapshots: the day, the join keys, the features."""
    return pl.Schema({"day": pl.Date(), **dtypes(view.key_schema), **dtypes(view.schema)})


def feature_asset(
    view: FeatureView, documents: Documents, partitions: dg.DailyPartitionsDefinition
) -> dg.AssetsDefinition:
    """The daily snapshots of a feature view."""
    key = dg.AssetKey(names.features(view.name))
    described = {"day": "The UTC day; values are as of its last microsecond, as known then.", **view_columns(view)}

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(view.dataset.table.split("/"))],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=names.FEATURES,
        kinds={"deltalake", "polars", "numba"},
        owners=[view.owner or OWNER],
        tags=dict(view.tags),
        description=f"{view.description}\n\nA partition holds every entity that the view serves at the end of the day. "
        f"Definition {documents.version(view)}"
        + (f"; scores of {', '.join(view.models)} are those of the version in production then" if view.models else ""),
        metadata={
            **column_schema(snapshot_schema(view), described),
            "definition": dg.MetadataValue.json(documents.definition(view)),
        },
        code_version=documents.version(view),
        hooks={push_view_hook(view, documents)} if view.online else None,
        check_specs=[
            dg.AssetCheckSpec(
                SNAPSHOT_CHECK,
                asset=key,
                blocking=True,
                description="Each entity once a day, and no day with less than half of the day before. "
                "Snapshots that fail are not written, and Redis keeps what it has.",
            )
        ],
    )
    def features(context: dg.AssetExecutionContext, lake: LakeResource, clock: ClockResource) -> dg.MaterializeResult:
        asked, run = days(list(context.partition_keys)), provenance(context)
        opened = lake.open()
        reader = LakeReader(opened, documents.datasets)
        rows = reader.rows(view.dataset.name, view.columns)
        frame = snapshot(view, prepare(view, rows), asked, ProductionScores(opened))
        table = opened.table(names.table(*names.features(view.name)))
        check = snapshot_check(frame, view, _day_before(table, asked[0]))
        if check.passed:
            registry = Registry(opened)
            documents.register(registry, view, clock.now(), run.run_id)
            stamped = replace(
                run,
                inputs=reader.inputs,
                positions=reader.positions,
                extra={"view_version": documents.version(view), LAST_DAY: asked[-1].isoformat()},
            )
            table.replace(
                frame,
                provenance=stamped,
                where=f"day >= '{asked[0].isoformat()}' AND day <= '{asked[-1].isoformat()}'",
                partition_by=("day",),
            )
        return _result(context, table, frame, check, reader, documents.version(view), len(rows))

    return features


def _day_before(table: LakeTable, day: date) -> int | None:
    """Entities in the snapshot of the day before `day`; None if there is none."""
    if not table.exists():
        return None
    before = table.read(columns=["day"], where=[("day", "==", day - timedelta(days=1))])
    return before.height or None


def _result(
    context: dg.AssetExecutionContext,
    table: LakeTable,
    frame: pl.DataFrame,
    check: dg.AssetCheckResult,
    reader: LakeReader,
    version: str,
    rows_read: int,
) -> dg.MaterializeResult:
    kept: dict[str, Any] = table_metadata(table, frame.height if check.passed else 0) if table.exists() else {}
    return dg.MaterializeResult(
        metadata={
            **kept,
            "view_version": version,
            "rows_read": rows_read,
            "days": len(context.partition_keys),
            "watermark": positions_metadata(reader.positions),
            "inputs": dg.MetadataValue.json(reader.inputs),
        },
        check_results=[check],
    )
