"""The configuration of Dagster's own storage in a home folder."""

from __future__ import annotations

from pathlib import Path

CONFIGURATION = """\
# Written by mlinfra; a file that is already here is left as it is.
telemetry:
  enabled: false
nux:
  enabled: false
# runs and events are kept in SQLite files in this folder, which may be moved
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
