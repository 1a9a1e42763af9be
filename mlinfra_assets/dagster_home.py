"""Dagster's own storage in a home folder: its configuration, and the way to it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg

CONFIGURATION = """\
# Written by mlinfra; a file that is already here is left as it is.
telemetry:
  enabled: false
nux:
  enabled: false
# runs and events are kept in SQLite files in this folder, which may be moved
run_launcher:
  module: mlinfra_assets.run_launcher
  class: WatchedRunLauncher
run_monitoring:
  # a run whose process is gone is marked as failed, so that the sensor which asked for it asks again
  enabled: true
  start_timeout_seconds: 180
  poll_interval_seconds: 15
concurrency:
  runs:
    max_concurrent_runs: 2
retention:
  schedule:
    purge_after_days: 90
  sensor:
    purge_after_days:
      skipped: 3
      failure: 30
      success: 30
"""


def prepare(folder: Path) -> Path:
    """Make a folder usable as `DAGSTER_HOME`: SQLite storage, no telemetry, run monitoring on.

    Args:
        folder: Where Dagster keeps its runs and events.

    Returns:
        The configuration file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "dagster.yaml"
    if not file.exists():
        draft = folder / ".dagster.yaml.part"
        draft.write_text(CONFIGURATION)
        draft.replace(file)
    return file


def recording(dagster_home: Path) -> dg.DagsterInstance:
    """Dagster's storage of a home, for this process: what steps of its runs print goes where it prints itself.

    Dagster's own way starts processes that follow each step's output; a person's Ctrl-C would reach them, too, and
    they would fill the screen with tracebacks.
    """
    import dagster as dg
    from dagster._core.instance.ref import InstanceRef  # the only way to differ from dagster.yaml in one process

    output = {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(dagster_home), overrides={"compute_logs": output}))


def make_storage(dagster_home: Path) -> None:
    """Make the files of Dagster's storage: processes that start together on a new home would make them at once."""
    recording(dagster_home).dispose()
