"""Dagster's real daemon: stopped in mid-tick, killed with everything in mid-run, started again."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import dagster as dg
import pytest

from mlinfra_assets.commands.up import environment
from mlinfra_assets.dagster_home import prepare
from mlinfra_assets.redis_server import embedded
from mlinfra_assets.settings import PROJECT, Settings
from tests.support.earlier_runs import let_pass
from tests.support.faults.counting import assert_exactly_once
from tests.support.more_lines import TOPIC, line
from tests.support.platform import Platform, settings_at

SENSOR = "order_lines_stream"
SECONDS = 240.0


class Daemon:
    """A daemon on a home, in a process group of its own with its code server and its runs."""

    def __init__(self, settings: Settings, log: Path, kill_at: str = "") -> None:
        command = ["dagster-daemon", "run", "-w", str(PROJECT / "workspace.yaml")]
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=PROJECT,
                env={**environment(settings), "MLINFRA_KILL_AT": kill_at, "PYTHONPATH": str(PROJECT)},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    def kill(self) -> None:
        """Kill it and all that it started, with SIGKILL."""
        if self._process.returncode is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()


Found = TypeVar("Found")


def until(look: Callable[[], Found | None], what: str) -> Found:
    """What there is, as soon as there is something."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise AssertionError(f"not within {SECONDS:.0f} s: {what}")


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    settings = settings_at(tmp_path / "home")
    configuration = prepare(settings.dagster_home)
    configuration.write_text(configuration.read_text().replace("poll_interval_seconds: 15", "poll_interval_seconds: 1"))
    with dg.DagsterInstance.from_config(str(settings.dagster_home)) as instance:
        made = Platform(settings, instance)
        yield made
        made.redis.close()
        embedded(settings).release()


def test_a_daemon_killed_in_mid_tick_and_in_mid_run_loses_nothing(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log, sent = tmp_path / "daemon.log", 0

    def send(count: int) -> None:
        nonlocal sent
        now = platform.clock.now()
        lines = [(n, line(n, now, InvoiceNo=f"{100_000 + n}")) for n in range(sent, sent + count)]
        platform.log.append(TOPIC, [replace(record, key=b"%d" % n) for n, record in lines])
        sent += count

    def run_with(*statuses: dg.DagsterRunStatus) -> dg.DagsterRun | None:
        found = platform.instance.get_runs(dg.RunsFilter(statuses=list(statuses)), limit=1)
        return found[0] if found else None

    send(20)
    daemon = Daemon(platform.settings, log, kill_at="sensor.before_cursor")
    try:
        until(lambda: b"sensor" in log.read_bytes() and b"UNAVAILABLE" in log.read_bytes(), "a tick that was cut off")
    finally:
        daemon.kill()
    assert not platform.instance.get_runs()
    assert not platform.lake.table("raw/order_lines").exists()

    send(20)
    daemon = Daemon(platform.settings, log)
    try:
        run = until(lambda: run_with(dg.DagsterRunStatus.STARTED), "a run that has started")
    finally:
        daemon.kill()
    assert run_with(dg.DagsterRunStatus.STARTED) is not None, "the run was over before it could be killed"

    send(20)
    daemon = Daemon(platform.settings, log)
    try:
        until(lambda: run_with(dg.DagsterRunStatus.FAILURE), "the run whose process is gone, marked as failed")
    finally:
        daemon.kill()
    assert platform.tick(SENSOR).skip_message is not None
    let_pass(monkeypatch, timedelta(minutes=6))
    assert platform.asked(SENSOR) == [[]]
    assert platform.ingest("order_lines").success
    assert_exactly_once(platform.lake, "order_lines", range(sent))
    assert run.tags["dagster/sensor_name"] == SENSOR
