"""What runs without being asked: conditions, jobs and the daily schedules."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.contracts.source import FilesIngest, Source
from mlinfra_assets.partitions import key, last_complete
from resources.clock import ClockResource

WHEN_INPUTS_PASS = dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()
"""New inputs, none under way, and every blocking check on them passed: held data stays where it is."""

SNAPSHOTS_JOB = "daily_snapshots"
RETRAIN_JOB = "retrain"
AUDIT_JOB = "daily_audit"
FEEDBACK_JOB = "derive_outcomes"


def ingest_job(source: Source) -> dg.UnresolvedAssetJobDefinition:
    """Raw and processed of one source."""
    return dg.define_asset_job(
        f"ingest_{source.name}",
        selection=ingest_selection(source),
        description=f"Brings {source.name} into raw and through its contract.",
    )


def ingest_selection(source: Source) -> dg.AssetSelection:
    """The assets that bring a source in."""
    return dg.AssetSelection.assets(
        dg.AssetKey(names.raw(source.name)),
        dg.AssetKey(names.processed(source.name)),
        dg.AssetKey(names.quarantine(source.name)),
    )


def asset_job(name: str, keys: Sequence[tuple[str, str]], description: str) -> dg.UnresolvedAssetJobDefinition:
    """A job over assets by key."""
    selection = dg.AssetSelection.assets(*(dg.AssetKey(k) for k in keys))
    return dg.define_asset_job(name, selection=selection, description=description)


def daily_schedule(
    job: dg.UnresolvedAssetJobDefinition, cron: str, days: dg.DailyPartitionsDefinition
) -> dg.ScheduleDefinition:
    """Runs a job for the last day that is over, by the platform's clock."""

    @dg.schedule(
        name=f"{job.name}_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"{job.name} for the day that has just ended (UTC).",
    )
    def schedule(context: dg.ScheduleEvaluationContext, clock: ClockResource) -> dg.RunRequest | dg.SkipReason:
        day = key(last_complete(clock.now()))
        if not days.has_partition_key(day):
            return dg.SkipReason(f"{day} is outside the days that are kept")
        return dg.RunRequest(partition_key=day)

    return schedule


def plain_schedule(job: dg.UnresolvedAssetJobDefinition, cron: str, description: str) -> dg.ScheduleDefinition:
    """Runs an unpartitioned job."""
    return dg.ScheduleDefinition(
        name=f"{job.name}_schedule",
        job=job,
        cron_schedule=cron,
        execution_timezone=str(UTC),
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )


def source_schedule(source: Source) -> dg.ScheduleDefinition | None:
    """The schedule that a file source declares, or None."""
    if not isinstance(source.ingest, FilesIngest) or source.needs.schedule is None:
        return None
    return plain_schedule(
        ingest_job(source), source.needs.schedule, f"Looks for new files of {source.name} by its declared schedule."
    )


def automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """Evaluates every automation condition; running by default."""
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Asks for what the assets' own automation conditions call for.",
    )
