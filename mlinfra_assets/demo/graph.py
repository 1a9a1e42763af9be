"""Runs parts of the asset graph in this process, recorded in the home's Dagster storage like any other run."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import dagster as dg

from mlinfra_assets.errors import MlinfraError

RANGE_START = "dagster/asset_partition_range_start"
RANGE_END = "dagster/asset_partition_range_end"


class GraphRunError(MlinfraError):
    """A run of the asset graph failed: the message names the step and why."""


class Graph:
    """The asset graph of one code location on one instance.

    Args:
        definitions: The code location.
        instance: Where runs, events and partitions are recorded.
    """

    def __init__(self, definitions: dg.Definitions, instance: dg.DagsterInstance) -> None:
        self._job = definitions.resolve_implicit_global_asset_job_def()
        self._instance = instance

    def run(
        self, keys: Sequence[tuple[str, ...]], *, day: date | None = None, days: tuple[date, date] | None = None
    ) -> dg.ExecuteInProcessResult:
        """Materialize assets in one run.

        Args:
            keys: The assets.
            day: The partition, for assets of a day.
            days: First and last partition of a backfill as a single run.

        Raises:
            GraphRunError: A step failed.
            KeyboardInterrupt: A person interrupted a step; its run is recorded as failed.
        """
        tags = {} if days is None else {RANGE_START: days[0].isoformat(), RANGE_END: days[1].isoformat()}
        result = self._job.execute_in_process(
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            instance=self._instance,
            asset_selection=[dg.AssetKey(key) for key in keys],
            partition_key=None if day is None else day.isoformat(),
            tags=tags,
            raise_on_error=False,
        )
        if not result.success:
            if _interrupted(result):
                raise KeyboardInterrupt
            raise GraphRunError(_why(result))
        return result


def _interrupted(result: dg.ExecuteInProcessResult) -> bool:
    failures = [event.step_failure_data.error for event in result.all_events if event.is_step_failure]
    names = {KeyboardInterrupt.__name__, dg.DagsterExecutionInterruptedError.__name__}
    return any(error is not None and error.cls_name in names for error in failures)


def _why(result: dg.ExecuteInProcessResult) -> str:
    held = [c for c in result.get_asset_check_evaluations() if not c.passed]
    if held:
        check = held[0]
        return f"check {check.check_name} on {check.asset_key.to_user_string()}: {check.description or 'failed'}"
    for event in result.all_events:
        if event.is_step_failure and event.step_failure_data.error is not None:
            error = event.step_failure_data.error
            root = error
            while root.cause is not None:
                root = root.cause
            return f"step {event.step_key}: {root.message.strip()}"
    return f"run {result.run_id} failed; its log is in the Dagster UI (mlinfra up)"
