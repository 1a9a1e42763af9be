"""raw/: what arrived, as it arrived. One asset a source, append-only, generated from the source's declaration."""

from datetime import timedelta

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.assets.context import (
    column_schema,
    freshness,
    positions_metadata,
    provenance,
    table_metadata,
)
from mlinfra_assets.connectors.fetch import fetch
from mlinfra_assets.contracts.source import FilesIngest, Source, StreamIngest
from mlinfra_assets.ingest.files import land_files
from mlinfra_assets.ingest.raw import RAW_SCHEMA, Landed
from mlinfra_assets.ingest.streams import land_stream, trim_stream
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.opening import system_of
from mlinfra_assets.streams.redis_log import RedisLog
from resources.clock import ClockResource
from resources.lake import LakeResource
from resources.streams import StreamResource

DESCRIPTIONS = {
    "source": "The source's name.",
    "partition": "Partition of the stream; 0 for files.",
    "offset": "Where the record stands in its partition; the batch number of a file.",
    "event_time": "When it happened, if the transport itself says so.",
    "known_at": "When the platform could first have used it: the stream's append time, a file's landing time (UTC).",
    "landed_at": "When this row was written (UTC).",
    "batch_id": "The run that wrote it.",
    "contract_version": "Fingerprint of the contract that was in force.",
    "content_hash": "BLAKE2b-128 of the payload.",
    "key": "The message's key, or the file's name.",
    "headers": "The message's headers.",
    "payload": "The bytes, as received.",
}


class FilesConfig(dg.Config):
    """What a launch may ask of a file source.

    Attributes:
        fetch: Fetch the newest file from the declared address first.
    """

    fetch: bool = False


class StreamConfig(dg.Config):
    """What a launch may ask of a stream source.

    Attributes:
        accept_gap: Go on past records that the stream has lost before they were read.
    """

    accept_gap: bool = False


def upstream_key(source: Source) -> tuple[str, str]:
    """Key of what a source reads from: a stream, or a landing folder."""
    if isinstance(source.ingest, StreamIngest):
        return (names.STREAMS, source.ingest.topic)
    return (names.LANDING, source.name)


def upstream_spec(source: Source, settings: Settings, deps: list[dg.AssetKey]) -> dg.AssetSpec:
    """What lies outside the platform: the stream or the folder, with what feeds it where the platform itself does."""
    stream = isinstance(source.ingest, StreamIngest)
    system = system_of(settings, source.ingest.system) if isinstance(source.ingest, StreamIngest) else "file"
    return dg.AssetSpec(
        upstream_key(source),
        deps=deps,
        group_name=names.group(source.name, "outside"),
        kinds={system},
        owners=list(source.needs.owners),
        description=f"{f'The {system} stream' if stream else 'The landing folder'} that `{source.name}` comes in by.",
        metadata=column_schema(RAW_SCHEMA, DESCRIPTIONS),
    )


def raw_asset(source: Source, settings: Settings) -> dg.AssetsDefinition:
    """The raw table of a source."""
    stream = isinstance(source.ingest, StreamIngest)
    spec = dg.AssetSpec(
        names.raw(source.name),
        deps=[dg.AssetKey(upstream_key(source))],
        group_name=names.group(source.name, names.RAW),
        kinds={"deltalake", *source.needs.kinds},
        owners=list(source.needs.owners),
        tags=dict(source.needs.tags),
        description=f"Every {'message' if stream else 'file'} of `{source.name}` as it arrived: the original bytes, "
        "when and where from. Append-only; each commit holds the rows and the offsets that they end at.\n\n"
        f"{source.contract.description}",
        metadata=column_schema(RAW_SCHEMA, DESCRIPTIONS),
        freshness_policy=freshness(source.needs),
    )
    return _from_stream(source, settings, spec) if stream else _from_files(source, settings, spec)


def _from_stream(source: Source, settings: Settings, spec: dg.AssetSpec) -> dg.AssetsDefinition:
    assert isinstance(source.ingest, StreamIngest)  # noqa: S101 - the caller chose by this very type
    ingest = source.ingest
    retention = timedelta(hours=settings.stream_retention_hours)

    @dg.multi_asset(name=f"raw_{source.name}", specs=[spec])
    def raw(
        context: dg.AssetExecutionContext,
        config: StreamConfig,
        lake: LakeResource,
        streams: StreamResource,
        clock: ClockResource,
    ) -> dg.MaterializeResult:
        tables, log = lake.open(), streams.open(ingest.system)
        landed = land_stream(tables, log, source, provenance(context), clock, accept_gap=config.accept_gap)
        if isinstance(log, RedisLog):
            trimmed = trim_stream(tables, log, source, clock.now() - retention)
            context.log.info("%s records that raw holds were removed from the stream", trimmed)
        return landed_result(tables, source, landed)

    return raw


def _from_files(source: Source, settings: Settings, spec: dg.AssetSpec) -> dg.AssetsDefinition:
    assert isinstance(source.ingest, FilesIngest)  # noqa: S101 - the caller chose by this very type
    ingest = source.ingest
    folder = settings.landing / source.name

    @dg.multi_asset(name=f"raw_{source.name}", specs=[spec])
    def raw(
        context: dg.AssetExecutionContext, config: FilesConfig, lake: LakeResource, clock: ClockResource
    ) -> dg.MaterializeResult:
        if config.fetch and ingest.url is not None:
            fetched = fetch(ingest.url, folder, max_bytes=ingest.max_bytes)
            context.log.info("fetched %s", fetched or "nothing new")
        tables = lake.open()
        landed = land_files(tables, str(folder), source, provenance(context), clock.now())
        return landed_result(tables, source, landed)

    return raw


def landed_result(lake: Lake, source: Source, landed: Landed) -> dg.MaterializeResult:
    """What Dagster is told of a landing, by a run or by a consumer."""
    table = lake.table(names.table(*names.raw(source.name)))
    return dg.MaterializeResult(
        asset_key=dg.AssetKey(names.raw(source.name)),
        metadata={
            **table_metadata(table, landed.records),
            "payload_bytes_added": landed.payload_bytes,
            "commits": landed.commits,
            "positions": positions_metadata({source.name: landed.positions}),
        },
        data_version=dg.DataVersion(landed.positions.to_json()),
    )
