"""What every asset tells Dagster in the same way: who ran, what a table holds, what its columns are."""

from collections.abc import Mapping
from datetime import timedelta

import dagster as dg
import polars as pl

from mlinfra_assets.code_version import code_version
from mlinfra_assets.contracts.source import Needs
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.feature_store.wording import text_of
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.positions import Positions

OWNER = "team:ml-platform"


def provenance(context: dg.AssetExecutionContext, inputs: Mapping[str, int] | None = None) -> Provenance:
    """Provenance of the run at hand."""
    return Provenance(run_id=context.run.run_id, code_version=code_version(), inputs=dict(inputs or {}))


def freshness(needs: Needs) -> dg.FreshnessPolicy | None:
    """The freshness policy that a source declares."""
    if needs.freshness_hours is None:
        return None
    warn = None if needs.freshness_warn_hours is None else timedelta(hours=needs.freshness_warn_hours)
    return dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=needs.freshness_hours), warn_window=warn)


def column_schema(
    schema: Mapping[str, object], descriptions: Mapping[str, str] | None = None
) -> dict[str, dg.TableSchema]:
    """The `dagster/column_schema` metadata of a table."""
    described = descriptions or {}
    columns = [
        dg.TableColumn(name=name, type=type_text(kind), description=described.get(name))
        for name, kind in schema.items()
    ]
    return {"dagster/column_schema": dg.TableSchema(columns=columns)}


def type_text(kind: object) -> str:
    """A column type as the UI shows it: `timestamp (UTC)`, `decimal(18,3)`, `list[string]`."""
    if isinstance(kind, pl.Datetime):
        return f"timestamp ({kind.time_zone})"
    if isinstance(kind, pl.Decimal):
        return f"decimal({kind.precision},{kind.scale})"
    if isinstance(kind, pl.List):
        return f"list[{type_text(kind.inner)}]"
    if isinstance(kind, pl.Struct):
        return "struct{" + ", ".join(f"{f.name}: {type_text(f.dtype)}" for f in kind.fields) + "}"
    return str(kind).lower()


def view_columns(view: FeatureView) -> dict[str, str]:
    """What each column of a feature view is: its keys, and how each feature is computed."""
    keys = {key: f"Key of the {entity.name}." for entity in view.entities for key in entity.join_keys}
    return {**keys, **{feature.name: text_of(feature.node) for feature in view.features}}


def table_metadata(table: LakeTable, added: int | None = None) -> dict[str, dg.MetadataValue]:
    """Row count, Delta version and address of a table as it is now."""
    metadata: dict[str, dg.MetadataValue] = {
        "dagster/row_count": dg.MetadataValue.int(table.count()),
        "dagster/uri": dg.MetadataValue.text(table.uri),
        "delta_version": dg.MetadataValue.int(table.version()),
    }
    if added is not None:
        metadata["rows_added"] = dg.MetadataValue.int(added)
    return metadata


def positions_metadata(positions: Mapping[str, Positions]) -> dg.MetadataValue:
    """A watermark, as metadata."""
    return dg.MetadataValue.json({source: p.to_dict() for source, p in sorted(positions.items())})


def markdown_table(headings: tuple[str, ...], rows: list[tuple[object, ...]]) -> dg.MetadataValue:
    """A small table for the UI."""
    lines = ["| " + " | ".join(headings) + " |", "|" + "---|" * len(headings)]
    lines += ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |" for row in rows]
    return dg.MetadataValue.md("\n".join(lines))
