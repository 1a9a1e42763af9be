"""Materializes assets of a home through the real graph in a process of its own, so that it can be killed.

Run as `python -m tests.support.graph_run DAY KEY...` (an empty DAY: no partition); the home is that of the environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import dagster as dg

from mlinfra_assets.definitions import build_definitions
from mlinfra_assets.settings import Settings

PROJECT = Path(__file__).parents[2]


def killed_run(settings: Settings, point: str, *keys: tuple[str, ...], day: str = "") -> int:
    """Materialize assets in a process that kills itself when it reaches `point`; its exit code, -9 if it did."""
    run = started_run(settings, *keys, day=day, kill_at=point)
    run.communicate()
    return run.returncode


def started_run(settings: Settings, *keys: tuple[str, ...], day: str = "", kill_at: str = "") -> subprocess.Popen[str]:
    """Materialize assets in a process of its own, which is at work when this returns; its exit code is 0 if all went
    well.
    """
    environment = {**os.environ, **settings.to_environment(), "MLINFRA_KILL_AT": kill_at}
    command = [sys.executable, "-m", "tests.support.graph_run", day, *("/".join(key) for key in keys)]
    return subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def main(day: str, *keys: str) -> None:
    """Materialize the assets in one run on an instance of its own."""
    job = build_definitions(Settings.load()).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        job.execute_in_process(
            instance=instance,
            asset_selection=[dg.AssetKey(key.split("/")) for key in keys],
            partition_key=day or None,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
