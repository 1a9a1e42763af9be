"""Notices that a stream holds records which raw does not, and asks for a run that brings them in."""

import json
from pathlib import Path

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.fault_points import reach
from mlinfra_assets.following import is_followed
from mlinfra_assets.ingest.raw import raw_table
from mlinfra_assets.ingest.streams import standing
from resources.lake import LakeResource
from resources.streams import StreamResource
from sensors.progress import TAG, reason_to_wait


def stream_sensor(source: Source) -> dg.SensorDefinition:
    """The sensor of a stream source.

    The tick compares the stream's end with what the raw table says it holds; the cursor only shows what was last
    asked for. While a consumer on this machine follows the source no run is asked for. A stream that was emptied or
    made again, or that lost what raw does not hold, fails the tick.
    """
    assert isinstance(source.ingest, StreamIngest)  # noqa: S101 - the caller chose by this very type
    topic, system = source.ingest.topic, source.ingest.system
    name = f"{source.name}_stream"

    @dg.sensor(
        name=name,
        target=dg.AssetSelection.assets(*map(dg.AssetKey, names.ingested(source.name))),
        minimum_interval_seconds=source.needs.sensor_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Asks for raw and processed {source.name} when its stream has records that raw does not hold.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, lake: LakeResource, streams: StreamResource
    ) -> dg.SensorResult | dg.SkipReason:
        found = standing(raw_table(lake.open(), source), streams.open(system), source)
        end = found.state.end
        if not found.behind:
            held = dict(found.held) or "nothing: the stream is empty"
            return dg.SkipReason(f"raw holds all of {topic}, up to {held}")
        if is_followed(Path(streams.home), source.name):
            return dg.SkipReason(f"a consumer follows {source.name}")
        wait = reason_to_wait(context.instance, name)
        if wait:
            return dg.SkipReason(wait)
        cursor = json.dumps({"asked_up_to": end}, sort_keys=True)
        reach("sensor.before_cursor")
        return dg.SensorResult(
            run_requests=[dg.RunRequest(tags={TAG: name})],
            asset_events=[
                dg.AssetObservation(
                    [names.STREAMS, topic],
                    metadata={"end": {str(p): o for p, o in end.items()}},
                    tags={"dagster/data_version": cursor},
                )
            ],
            cursor=cursor,
        )

    return sensor
