"""Notices that a landing folder holds files which raw does not, and asks for a run that brings them in."""

from pathlib import Path

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.connectors.files import new_files
from mlinfra_assets.contracts.source import FilesIngest, Source
from mlinfra_assets.fault_points import reach
from mlinfra_assets.ingest.files import held_files
from resources.lake import LakeResource
from sensors.progress import TAG, reason_to_wait


def landing_sensor(source: Source, landing: Path) -> dg.SensorDefinition:
    """The sensor of a file source; `landing` is the folder that holds one folder a source."""
    assert isinstance(source.ingest, FilesIngest)  # noqa: S101 - the caller chose by this very type
    ingest = source.ingest
    folder = landing / source.name
    name = f"{source.name}_landing"

    @dg.sensor(
        name=name,
        target=dg.AssetSelection.assets(*map(dg.AssetKey, names.ingested(source.name))),
        minimum_interval_seconds=source.needs.sensor_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Asks for raw and processed {source.name} when new files stand in its landing folder.",
    )
    def sensor(context: dg.SensorEvaluationContext, lake: LakeResource) -> dg.SensorResult | dg.SkipReason:
        raw = lake.open().table(names.table(*names.raw(source.name)))
        files = new_files(str(folder), ingest, held_files(raw))
        if not files:
            return dg.SkipReason(f"no new file in {folder}")
        wait = reason_to_wait(context.instance, name)
        if wait:
            return dg.SkipReason(wait)
        newest = ", ".join(file.name for file in files)
        reach("sensor.before_cursor")
        return dg.SensorResult(
            run_requests=[dg.RunRequest(tags={TAG: name})],
            asset_events=[
                dg.AssetObservation(
                    [names.LANDING, source.name],
                    metadata={"new_files": newest},
                    tags={"dagster/data_version": newest},
                )
            ],
            cursor=newest,
        )

    return sensor
