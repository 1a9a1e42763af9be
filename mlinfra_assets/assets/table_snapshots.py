"""raw/ of a database source: a table as it is on a day, a partition a day."""

from datetime import date

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.assets.context import (
    column_schema,
    freshness,
    positions_metadata,
    provenance,
    table_metadata,
)
from mlinfra_assets.assets.raw import DESCRIPTIONS
from mlinfra_assets.contracts.source import DatabaseIngest, Source
from mlinfra_assets.ingest.table_snapshots import SNAPSHOT_SCHEMA, land_snapshot
from resources.clock import ClockResource
from resources.lake import LakeResource

SNAPSHOT_DESCRIPTIONS = {
    **DESCRIPTIONS,
    "offset": "Snapshot times a million, plus the chunk's number.",
    "event_time": "When the transaction began that the rows were read in (UTC).",
    "key": "The table.",
    "headers": "What the snapshot says of itself: its columns and their types, the place in the database's log, the "
    "transactions that it sees.",
    "payload": "Rows, one a line, as COPY writes them in its text format.",
    "day": "The day (UTC) that the snapshot is of.",
}


def table_spec(source: Source) -> dg.AssetSpec:
    """The table in its database, outside of the platform."""
    assert isinstance(source.ingest, DatabaseIngest)  # noqa: S101 - the caller chose by this very type
    return dg.AssetSpec(
        names.database(source.name),
        group_name=names.group(source.name, "outside"),
        kinds={"postgres"},
        owners=list(source.needs.owners),
        description=f"The table `{source.ingest.table}` of the database that `{source.ingest.connection}` names.",
    )


def snapshot_asset(source: Source, days: dg.DailyPartitionsDefinition) -> dg.AssetsDefinition:
    """The raw table of a database source."""
    assert isinstance(source.ingest, DatabaseIngest)  # noqa: S101 - the caller chose by this very type
    spec = dg.AssetSpec(
        names.raw(source.name),
        deps=[dg.AssetKey(names.database(source.name))],
        group_name=names.group(source.name, names.RAW),
        kinds={"deltalake", "postgres", *source.needs.kinds},
        owners=list(source.needs.owners),
        tags=dict(source.needs.tags),
        description=f"The table `{source.ingest.table}` as one transaction saw it, a snapshot a day. A commit holds a "
        f"whole snapshot, or nothing of it.\n\n{source.contract.description}",
        metadata=column_schema(SNAPSHOT_SCHEMA, SNAPSHOT_DESCRIPTIONS),
        freshness_policy=freshness(source.needs),
        partitions_def=days,
    )

    @dg.multi_asset(name=f"raw_{source.name}", specs=[spec])
    def raw(context: dg.AssetExecutionContext, lake: LakeResource, clock: ClockResource) -> dg.MaterializeResult:
        tables = lake.open()
        day = date.fromisoformat(context.partition_key)
        landed = land_snapshot(tables, source, day, provenance(context), clock.now())
        table = tables.table(names.table(*names.raw(source.name)))
        return dg.MaterializeResult(
            metadata={
                **table_metadata(table, landed.records),
                "payload_bytes_added": landed.payload_bytes,
                "commits": landed.commits,
                "positions": positions_metadata({source.name: landed.positions}),
            },
            data_version=dg.DataVersion(landed.positions.to_json()),
        )

    return raw
