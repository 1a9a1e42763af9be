"""audit/late_data: what the rows that became known on a day, late, would have changed had they been known in time."""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.assets.context import OWNER, column_schema, markdown_table, provenance, table_metadata
from mlinfra_assets.audit.late_report import LateReport, late_report
from mlinfra_assets.audit.late_rows import LateWindow
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.feature_store.dataset import DatasetSchema
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.partitions import days
from mlinfra_assets.settings import Settings
from resources.lake import LakeResource

KEY = (names.AUDIT, "late_data")
SCHEMA = pl.Schema(
    {
        "known_on": pl.Date(),
        "view": pl.String(),
        "day": pl.Date(),
        "compared": pl.Int64(),
        "different": pl.Int64(),
        "values_different": pl.Int64(),
    }
)
DESCRIPTIONS = {
    "known_on": "UTC day on which the late rows became known.",
    "view": "The feature view; null for served predictions.",
    "day": "Day of the snapshot; null for served predictions.",
    "compared": "Entities, or predictions, that late rows touch.",
    "different": "Of them, those of which a value would have been another.",
    "values_different": "Values that would have been others; null for served predictions.",
}


def late_data_asset(
    sources: Mapping[str, Source],
    views: Sequence[FeatureView],
    datasets: Mapping[str, DatasetSchema],
    partitions: dg.DailyPartitionsDefinition,
    settings: Settings,
) -> dg.AssetsDefinition:
    """The late-data report, a partition for each day on which rows became known."""

    @dg.asset(
        key=dg.AssetKey(KEY),
        deps=[
            *(dg.AssetKey(names.features(view.name)) for view in views),
            dg.AssetKey(names.processed(names.PREDICTIONS)),
        ],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=names.AUDIT,
        kinds={"deltalake", "polars"},
        owners=[OWNER],
        description="Which snapshots and which served predictions would have been different had the rows been known in "
        "time that became known on a day. Only entities that such rows touch are computed.",
        metadata=column_schema(SCHEMA, DESCRIPTIONS),
    )
    def late_data(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        opened = lake.open()
        asked = days(list(context.partition_keys))
        found = {
            day: late_report(
                opened, views, datasets, sources, _window(day), max_payload_bytes=settings.max_payload_bytes
            )
            for day in asked
        }
        table = opened.table(names.table(*KEY))
        first, last = asked[0].isoformat(), asked[-1].isoformat()
        table.replace(
            pl.concat([_frame(day, report) for day, report in found.items()]),
            provenance=provenance(context),
            where=f"known_on >= '{first}' AND known_on <= '{last}'",
            partition_by=("known_on",),
            stats_columns=(),
        )
        return dg.MaterializeResult(metadata={**table_metadata(table), **_metadata(list(found.values()))})

    return late_data


def _window(day: date) -> LateWindow:
    start = datetime.combine(day, time.min, UTC)
    return LateWindow(start, start + timedelta(days=1))


def _frame(known_on: date, report: LateReport) -> pl.DataFrame:
    rows: list[tuple[object, ...]] = [
        (known_on, one.view, day, *counts) for one in report.snapshots for day, counts in sorted(one.days.items())
    ]
    if report.predictions.touched:
        rows.append((known_on, None, None, report.predictions.touched, report.predictions.different, None))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def _metadata(reports: Sequence[LateReport]) -> dict[str, dg.MetadataValue]:
    snapshots = [one for report in reports for one in report.snapshots]
    examples = [example for one in snapshots for example in one.examples][:20]
    served = [str(example) for report in reports for example in report.predictions.examples][:20]
    rows: list[tuple[object, ...]] = [
        (e.view, e.day, e.entity, e.feature, repr(e.known), repr(e.hindsight)) for e in examples
    ]
    return {
        "late_rows": dg.MetadataValue.int(sum(one.late_rows for one in snapshots)),
        "snapshot_entities_compared": dg.MetadataValue.int(sum(one.compared for one in snapshots)),
        "snapshot_entities_different": dg.MetadataValue.int(sum(one.different for one in snapshots)),
        "predictions_touched": dg.MetadataValue.int(sum(r.predictions.touched for r in reports)),
        "predictions_different": dg.MetadataValue.int(sum(r.predictions.different for r in reports)),
        "snapshots": markdown_table(("view", "day", "entity", "feature", "known then", "known now"), rows),
        "predictions": dg.MetadataValue.md("\n".join(f"- {line}" for line in served) or "none"),
    }
