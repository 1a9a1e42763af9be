"""What several sensors ask before they request a run: is one under way, and did the last one fail just now."""

from datetime import UTC, datetime, timedelta

import dagster as dg

TAG = "mlinfra/asked-by"
UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
BACK_OFF = timedelta(minutes=5)


def reason_to_wait(instance: dg.DagsterInstance, sensor: str) -> str | None:
    """Why a sensor should not ask for another run now, or None.

    A run that is under way will read to the end by itself. After a failure the next run is asked for a few minutes
    later: progress is what the tables hold, so asking again is always safe.
    """
    tags = {TAG: sensor}
    busy = instance.get_runs(filters=dg.RunsFilter(tags=tags, statuses=UNDER_WAY), limit=1)
    if busy:
        return f"run {busy[0].run_id} is under way"
    last = instance.get_run_records(filters=dg.RunsFilter(tags=tags), limit=1)
    if last and last[0].dagster_run.status == dg.DagsterRunStatus.FAILURE:
        wait = last[0].update_timestamp.replace(tzinfo=UTC) + BACK_OFF - datetime.now(UTC)
        if wait > timedelta():
            return (
                f"run {last[0].dagster_run.run_id} failed; the next is asked for in {int(wait.total_seconds())} s "
                "(launch it from the UI to try at once)"
            )
    return None
