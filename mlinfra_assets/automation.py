"""What runs without being asked: conditions, jobs and the daily schedules."""

from dataclasses import dataclass

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.contracts.source import DatabaseIngest, FilesIngest, Source, StreamIngest
from mlinfra_assets.partitions import key, last_complete
from resources.clock import ClockResource

WHEN_INPUTS_PASS = dg.AutomationCondition.eager() & dg.AutomationCondition.all_deps_blocking_checks_passed()
"""New inputs, none under way, and every blocking check on them passed: held data stays where it is."""


@dataclass(frozen=True)
class AssetJob:
    """A named selection of assets that run together.

    Attributes:
        name: The job's name.
        keys: The assets.
        description: What it does.
    """

    name: str
    keys: tuple[tuple[str, ...], ...]
    description: str

    @property
    def selection(self) -> dg.AssetSelection:
        """The assets, as Dagster selects them."""
        return dg.AssetSelection.assets(*(dg.AssetKey(k) for k in self.keys))


def ingest_job(source: Source) -> AssetJob:
    """Raw and processed of one source; of change data the current state too."""
    changes = isinstance(source.ingest, StreamIngest) and source.ingest.changes
    return AssetJob(
        f"ingest_{source.name}",
        (*names.ingested(source.name), *([names.current(source.name)] if changes else ())),
        f"Brings {source.name} into raw and through its contract.",
    )


def daily_schedule(job: AssetJob, cron: str, days: dg.DailyPartitionsDefinition) -> dg.ScheduleDefinition:
    """Runs a job for the last day that is over, by the platform's clock."""

    @dg.schedule(
        name=f"{job.name}_schedule",
        job_name=job.name,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"{job.description} For the day that has just ended (UTC).",
    )
    def schedule(context: dg.ScheduleEvaluationContext, clock: ClockResource) -> dg.RunRequest | dg.SkipReason:
        day = key(last_complete(clock.now()))
        if not days.has_partition_key(day):
            return dg.SkipReason(f"{day} is outside the days that are kept")
        context.log.info("asking for %s", day)
        return dg.RunRequest(partition_key=day)

    return schedule


def snapshot_schedule(source: Source, days: dg.DailyPartitionsDefinition) -> dg.ScheduleDefinition | None:
    """Takes a table's snapshot of the present day by its declared schedule; None if it declares none.

    On a home whose clock is simulated none is taken: the database is as it is today, not at the home's present.
    """
    if not isinstance(source.ingest, DatabaseIngest) or source.needs.schedule is None:
        return None

    @dg.schedule(
        name=f"snapshot_{source.name}_schedule",
        job_name=ingest_job(source).name,
        cron_schedule=source.needs.schedule,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Takes the day's snapshot of {source.ingest.table} and brings it through its contract.",
    )
    def schedule(clock: ClockResource) -> dg.RunRequest | dg.SkipReason:
        if clock.stamp() is not None:
            return dg.SkipReason("the clock of this home is simulated: the database is not as it was then")
        day = key(clock.now().date())
        if not days.has_partition_key(day):
            return dg.SkipReason(f"{day} is outside the days that are kept")
        return dg.RunRequest(partition_key=day)

    return schedule


def plain_schedule(job: AssetJob, cron: str, description: str) -> dg.ScheduleDefinition:
    """Runs an unpartitioned job."""
    return dg.ScheduleDefinition(
        name=f"{job.name}_schedule",
        job_name=job.name,
        cron_schedule=cron,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=description,
    )


def fetch_schedule(source: Source) -> dg.ScheduleDefinition | None:
    """Fetches a file source's newest file by its declared schedule; None if it declares none.

    On a home whose clock is simulated nothing is fetched: the file of today is not that of its present.
    """
    if not isinstance(source.ingest, FilesIngest) or source.ingest.url is None or source.needs.schedule is None:
        return None
    op = f"raw_{source.name}"

    @dg.schedule(
        name=f"fetch_{source.name}_schedule",
        job_name=ingest_job(source).name,
        cron_schedule=source.needs.schedule,
        execution_timezone="UTC",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Fetches the newest file of {source.name} from {source.ingest.url} and brings it in.",
    )
    def schedule(clock: ClockResource) -> dg.RunRequest | dg.SkipReason:
        if clock.stamp() is not None:
            return dg.SkipReason("the clock of this home is simulated: today's file is not that of its present")
        return dg.RunRequest(run_config={"ops": {op: {"config": {"fetch": True}}}})

    return schedule


def automation_sensor() -> dg.AutomationConditionSensorDefinition:
    """Evaluates every automation condition; running by default."""
    return dg.AutomationConditionSensorDefinition(
        "automation",
        target=dg.AssetSelection.all(),
        default_status=dg.DefaultSensorStatus.RUNNING,
        minimum_interval_seconds=30,
        description="Asks for what the assets' own automation conditions call for.",
    )
