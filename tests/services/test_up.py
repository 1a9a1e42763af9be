"""`mlinfra up` with the real programs, on the embedded Redis."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest

from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.redis_server import connect, embedded
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.consuming import lines, until
from tests.support.platform import settings_at

WHERE = '(repositorySelector: {repositoryName: "__repository__", repositoryLocationName: "mlinfra"})'
INSTIGATORS = (
    f"{{ sensorsOrError{WHERE} {{ ... on Sensors {{ results {{ sensorState {{ status }} }} }} }} "
    f"schedulesOrError{WHERE} {{ ... on Schedules {{ results {{ scheduleState {{ status }} }} }} }} }}"
)


def free_port() -> int:
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Up:
    """A running `mlinfra up` and what it has said."""

    def __init__(self, process: subprocess.Popen[str], home: Path, ui: int, api: int) -> None:
        self.process, self.home, self.ui, self.api = process, home, ui, api
        self.said: list[str] = []
        self._ended = False
        self._changed = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                with self._changed:
                    self.said.append(line.rstrip())
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for(self, words: str, seconds: float = 240) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or any(words in line for line in self.said), seconds)
            assert any(words in line for line in self.said), self.said

    def ask(self, query: str) -> dict:
        """What Dagster's web server answers."""
        answer = httpx.post(f"http://127.0.0.1:{self.ui}/graphql", json={"query": query}, timeout=60)
        return answer.json()["data"]

    def end(self) -> int:
        status = self.process.wait(timeout=120)
        self._reader.join(timeout=20)
        return status

    def left(self) -> list[str]:
        """Command lines of the processes that still work on this home."""
        mark = f"MLINFRA_HOME={self.home}".encode()
        found = []
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ")
                if command and (mark in (entry / "environ").read_bytes() or str(self.home).encode() in command):
                    found.append(command.decode())
            except OSError:
                continue
        return found


@contextmanager
def up(home: Path, *options: str) -> Iterator[Up]:
    ui, api = free_port(), free_port()
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("MLINFRA_", "DAGSTER_"))},
        "MLINFRA_UI_PORT": str(ui),
        "MLINFRA_API_PORT": str(api),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "mlinfra_assets.cli", "up", "--home", str(home), *options],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    running = Up(process, home, ui, api)
    try:
        yield running
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(timeout=60)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        running.end()


def consumed_by(home: Path) -> str:
    """Who lands a record that is sent now."""
    settings = settings_at(home)
    with connect(settings) as client:
        lines(RedisLog(client), 0, 1)
        raw = Lake(settings.lake).table("raw/order_lines")
        until(lambda: raw.exists() and raw.count() == 1)
    embedded(settings).release()
    return raw.read()["batch_id"].item()


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes left over in /proc")
def test_one_interrupt_stops_all_that_answered_and_leaves_nothing(tmp_path: Path) -> None:
    with up(tmp_path / "home", "--consume") as running:
        running.wait_for("Ctrl-C stops everything")
        assert consumed_by(tmp_path / "home").startswith("consume-")
        assert httpx.get(f"http://127.0.0.1:{running.api}/health/live", timeout=10).is_success
        switched_on = running.ask(INSTIGATORS)
        assert running.left()
        again = subprocess.run(
            [sys.executable, "-m", "mlinfra_assets.cli", "up", "--home", str(tmp_path / "home")],
            capture_output=True,
            text=True,
            check=False,
        )
        assert again.returncode == 1
        assert "is in use by `mlinfra up`" in again.stderr
        running.process.send_signal(signal.SIGINT)
        assert running.end() == 0
    stopped = [line for line in running.said if line.startswith("stopping")]
    assert stopped == ["stopping consume", "stopping daemon", "stopping webserver", "stopping api"]
    assert running.said[-1] == "everything has stopped"
    assert running.left() == []
    states = [s["sensorState"] for s in switched_on["sensorsOrError"]["results"]]
    states += [s["scheduleState"] for s in switched_on["schedulesOrError"]["results"]]
    assert {state["status"] for state in states} == {"RUNNING"}


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="looks for processes left over in /proc")
def test_a_child_that_dies_stops_the_rest_and_shows_its_log(tmp_path: Path) -> None:
    with up(tmp_path / "home") as running:
        running.wait_for("api is up")
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and _is_api_of(entry, running.process.pid):
                os.kill(int(entry.name), signal.SIGKILL)
        assert running.end() == 1
    text = "\n".join(running.said)
    assert "error: api was killed by signal 9, so everything was stopped" in text
    assert str(tmp_path / "home" / "logs" / "api.log") in text
    assert running.left() == []


def _is_api_of(entry: Path, parent: int) -> bool:
    try:
        stat = (entry / "stat").read_text()
        command = (entry / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return int(stat[stat.rindex(")") + 2 :].split()[1]) == parent and b"api" in command


def test_a_port_that_is_taken_is_named_before_anything_starts(tmp_path: Path) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "mlinfra_assets.cli", "up", "--home", str(tmp_path / "home")],
            env={**os.environ, "MLINFRA_UI_PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert f"error: port {port} on 127.0.0.1 cannot be used" in done.stderr
    assert "MLINFRA_UI_PORT" in done.stderr
    assert not (tmp_path / "home" / "redis").exists()
