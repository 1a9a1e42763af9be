"""audit/: every prediction of a day, recomputed from raw and compared bit for bit."""

from collections.abc import Mapping, Sequence
from datetime import date

import dagster as dg
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.assets.context import OWNER, column_schema, provenance, table_metadata
from mlinfra_assets.audit.predictions import audit_predictions
from mlinfra_assets.audit.report import AuditReport
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.partitions import days
from mlinfra_assets.registry.registry import Registry
from mlinfra_assets.settings import Settings
from resources.lake import LakeResource

REPRODUCED_CHECK = "reproduced"
AUDIT_SCHEMA = pl.Schema(
    {"day": pl.Date(), "made": pl.Int64(), "reproduced": pl.Int64(), "mismatches": pl.List(pl.String())}
)
DESCRIPTIONS = {
    "day": "UTC day of the predictions.",
    "made": "Predictions logged.",
    "reproduced": "Of them, those whose vector and score came out the same to the last bit.",
    "mismatches": "What differs: prediction, view, feature, logged and recomputed value.",
}


def audit_asset(
    sources: Mapping[str, Source],
    views: Sequence[FeatureView],
    partitions: dg.DailyPartitionsDefinition,
    settings: Settings,
) -> dg.AssetsDefinition:
    """The audit of all predictions, a partition a day."""
    key = dg.AssetKey((names.AUDIT, names.PREDICTIONS))
    rest_on = sorted({view.dataset.source for view in views})

    @dg.asset(
        key=key,
        deps=[dg.AssetKey(names.processed(names.PREDICTIONS)), *(dg.AssetKey(names.raw(s)) for s in rest_on)],
        partitions_def=partitions,
        backfill_policy=dg.BackfillPolicy.single_run(),
        group_name=names.AUDIT,
        kinds={"deltalake", "polars", "onnx"},
        owners=[OWNER],
        description="Every prediction of a day, recomputed from raw: the bytes under its watermark, the contract, SQL "
        "and definition of its version, the stored model. Nothing that served it is trusted.",
        metadata=column_schema(AUDIT_SCHEMA, DESCRIPTIONS),
        check_specs=[
            dg.AssetCheckSpec(
                REPRODUCED_CHECK,
                asset=key,
                blocking=True,
                description="Every prediction comes out the same to the last bit; fails on the first that does not.",
            )
        ],
    )
    def audited(context: dg.AssetExecutionContext, lake: LakeResource) -> dg.MaterializeResult:
        opened = lake.open()
        asked = days(list(context.partition_keys))
        report = audit_predictions(
            opened, Registry(opened), sources, days=asked, max_payload_bytes=settings.max_payload_bytes
        )
        table = opened.table(names.table(*key.path))
        first, last = asked[0].isoformat(), asked[-1].isoformat()
        table.replace(
            _frame(report, asked),
            provenance=provenance(context),
            where=f"day >= '{first}' AND day <= '{last}'",
            partition_by=("day",),
            stats_columns=(),
        )
        return dg.MaterializeResult(
            metadata={
                **table_metadata(table),
                "made": report.made,
                "reproduced": report.reproduced,
                "values_compared": report.values,
            },
            check_results=[_check(report)],
        )

    return audited


def _frame(report: AuditReport, asked: list[date]) -> pl.DataFrame:
    rows = []
    for day in asked:
        made, reproduced = report.by_day.get(day, (0, 0))
        rows.append((day, made, reproduced, report.messages() if made != reproduced else []))
    return pl.DataFrame(rows, schema=AUDIT_SCHEMA, orient="row")


def _check(report: AuditReport) -> dg.AssetCheckResult:
    messages = report.messages()
    return dg.AssetCheckResult(
        check_name=REPRODUCED_CHECK,
        passed=report.passed,
        severity=dg.AssetCheckSeverity.ERROR,
        description=f"{report.reproduced} of {report.made} predictions came out the same to the last bit"
        + (f": {messages[0]}" if messages else ""),
        metadata={
            "made": report.made,
            "reproduced": report.reproduced,
            "values_compared": report.values,
            **({"differences": dg.MetadataValue.md("\n".join(f"- {m}" for m in messages))} if messages else {}),
        },
    )
