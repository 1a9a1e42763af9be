"""maintenance/: the lake's tables kept quick to read, a zone an asset; nothing that somebody reads again is removed."""

from collections.abc import Mapping, Sequence

import dagster as dg
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.assets.context import OWNER, column_schema, markdown_table
from mlinfra_assets.maintenance.maintain import TableReport, maintain
from mlinfra_assets.settings import Settings
from resources.lake import LakeResource

ZONES: Mapping[str, str] = {
    names.RAW: "what arrived",
    names.PROCESSED: "valid records and quarantine",
    names.CURATED: "what dbt makes",
    names.FEATURES: "daily snapshots: their files are left as they were written",
    names.TRAINING: "training sets; those of stored models are kept with what they were computed from",
    names.MODELS: "models and promotions",
    names.FEEDBACK: "outcomes and performance",
    names.AUDIT: "audits and reports",
    names.REGISTRY: "what was registered",
}
"""Every zone of the lake that has tables, with what they are."""
REPORT_SCHEMA = pl.Schema(
    {
        "table": pl.String(),
        "files_before": pl.Int64(),
        "files_after": pl.Int64(),
        "bytes_before": pl.Int64(),
        "bytes_after": pl.Int64(),
        "merged": pl.Int64(),
        "removed": pl.Int64(),
        "version": pl.Int64(),
        "oldest_readable": pl.Int64(),
        "log_entries": pl.Int64(),
        "pinned": pl.List(pl.Struct({"version": pl.Int64(), "why": pl.String()})),
    }
)
DESCRIPTIONS = {
    "table": "The table.",
    "files_before": "Files of the newest version before.",
    "files_after": "Files of the newest version afterwards.",
    "bytes_before": "Their bytes before.",
    "bytes_after": "Their bytes afterwards.",
    "merged": "Small files that were merged.",
    "removed": "Files that were removed: all versions that named them are old, and nobody's.",
    "version": "The newest version.",
    "oldest_readable": "This version and all later ones can be read.",
    "log_entries": "Commits past the newest checkpoint, which are read one by one to open the table.",
    "pinned": "Older versions that are kept, and for whom.",
}
"""What each materialization says of each table, in its metadata under `by_table`."""
HEADINGS = ("table", "files", "after", "MB", "after", "merged", "removed", "version", "oldest readable", "kept", "log")


class MaintenanceConfig(dg.Config):
    """What a launch may ask of maintenance.

    Attributes:
        dry_run: Change nothing, and say what would be done.
    """

    dry_run: bool = False


def maintenance_asset(zone: str, what: str, settings: Settings) -> dg.AssetsDefinition:
    """The maintenance of all tables of a zone."""

    @dg.asset(
        key=dg.AssetKey((names.MAINTENANCE, zone)),
        group_name=names.MAINTENANCE,
        kinds={"deltalake"},
        owners=[OWNER],
        description=f"Tables under `{zone}/` ({what}): small files merged, logs checkpointed, and the files removed "
        f"that only versions needed which were replaced more than {settings.table_retention_hours} hours ago. "
        "Versions that are read again (by a push, a determinism check, a model's training set) are kept.",
        metadata=column_schema(REPORT_SCHEMA, DESCRIPTIONS),
    )
    def maintained(
        context: dg.AssetExecutionContext, config: MaintenanceConfig, lake: LakeResource
    ) -> dg.MaterializeResult:
        opened = lake.open()
        tables = [name for name in opened.tables() if name.partition("/")[0] == zone]
        found = maintain(opened, tables, settings.table_retention, context.run.run_id, dry_run=config.dry_run)
        return dg.MaterializeResult(metadata=_metadata(found, dry_run=config.dry_run))

    return maintained


def _metadata(found: Sequence[TableReport], *, dry_run: bool) -> dict[str, dg.MetadataValue]:
    return {
        "dry_run": dg.MetadataValue.bool(dry_run),
        "tables": markdown_table(HEADINGS, [_row(one) for one in found]),
        "files_before": dg.MetadataValue.int(sum(one.before.files for one in found)),
        "files_after": dg.MetadataValue.int(sum(one.after.files for one in found)),
        "bytes_after": dg.MetadataValue.int(sum(one.after.bytes for one in found)),
        "files_merged": dg.MetadataValue.int(sum(one.merged for one in found)),
        "files_removed": dg.MetadataValue.int(sum(one.removed for one in found)),
        "log_entries_to_open": dg.MetadataValue.int(max((one.after.log_entries or 0 for one in found), default=0)),
        "by_table": dg.MetadataValue.json({one.table: one.to_dict() for one in found}),
    }


def _row(one: TableReport) -> tuple[object, ...]:
    return (
        one.table,
        one.before.files,
        one.after.files,
        f"{one.before.bytes / 1e6:.1f}",
        f"{one.after.bytes / 1e6:.1f}",
        one.merged,
        one.removed,
        one.after.version,
        one.oldest_readable,
        ", ".join(f"{pin.version} ({pin.why})" for pin in one.pinned) or "-",
        "?" if one.after.log_entries is None else one.after.log_entries,
    )
