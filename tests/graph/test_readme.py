"""Every command that the README shows is run, as it stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.settings import PROJECT

README = (PROJECT / "README.md").read_text()
COMMANDS = [
    line for block in re.findall(r"```bash\n(.*?)```", README, re.DOTALL) for line in block.splitlines() if line.strip()
]
INSTALL = "PIP_BREAK_SYSTEM_PACKAGES=1 python3 -m pip install -q uv && python3 -m "
START_SECONDS = 240


def test_the_readme_shows_these_commands_and_no_others() -> None:
    kinds = [re.sub(r"'[^']*'", "'...'", c) for c in COMMANDS]

    assert kinds == [
        f"{INSTALL}uv run mlinfra demo",
        f"{INSTALL}uv run pytest",
        "uv run mlinfra up",
        "curl -s -X POST http://127.0.0.1:8090/v1/features -H '...' -d '...'",
        "curl -s -X POST http://127.0.0.1:8090/v1/predict/churn -H '...' -d '...'",
        "uv run mlinfra doctor",
        "uv run mlinfra breaker list",
        "uv run mlinfra quarantine list",
        "uv run mlinfra replay ID",
    ]


def test_ci_runs_the_test_command_of_the_readme() -> None:
    assert (PROJECT / ".ci" / "run").read_text().strip().splitlines()[-1] == "uv run pytest"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home on which the README's first command was run."""
    home = tmp_path_factory.mktemp("readme") / "home"
    done = _run(COMMANDS[0].removeprefix(INSTALL), home)

    assert done.returncode == 0, done.stderr[-2000:]
    assert "bit for" in done.stdout
    return home


@pytest.fixture(scope="module")
def port(home: Path) -> Iterator[int]:
    """The API's port while `mlinfra up` runs on that home."""
    api, ui = _free_port(), _free_port()
    environment = _environment(home) | {"MLINFRA_API_PORT": str(api), "MLINFRA_UI_PORT": str(ui)}
    arguments = _arguments(COMMANDS[2])
    with (home.parent / "up.log").open("w") as log:
        up = subprocess.Popen(arguments, env=environment, stdout=log, stderr=subprocess.STDOUT, cwd=home.parent)
        try:
            _await(up, f"http://127.0.0.1:{api}/health/ready", home.parent / "up.log")
            yield api
        finally:
            up.send_signal(signal.SIGINT)
            assert up.wait(60) in (0, 130)


def test_doctor_finds_nothing_wrong(home: Path) -> None:
    done = _run("uv run mlinfra doctor", home)

    assert done.returncode == 0, done.stdout + done.stderr


def test_no_breaker_is_open(home: Path) -> None:
    done = _run("uv run mlinfra breaker list", home)

    assert (done.returncode, done.stdout) == (0, "No breaker is open or half open.\n")


def test_quarantine_lists_what_broke_the_contract(home: Path) -> None:
    done = _run("uv run mlinfra quarantine list", home)

    assert done.returncode == 0, done.stderr
    assert "order_lines" in done.stdout


def test_replay_reproduces_a_prediction(home: Path) -> None:
    predictions = Lake(str(home / "lake")).table("processed/predictions").read(columns=["prediction_id"])
    done = _run(f"uv run mlinfra replay {predictions['prediction_id'][0]}", home)

    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("number", [3, 4])
def test_the_api_answers_the_readmes_requests(home: Path, port: int, number: int) -> None:
    customers = Lake(str(home / "lake")).table("curated/customers").read(columns=["customer_id"])["customer_id"]
    command = COMMANDS[number].replace(":8090", f":{port}").replace("14911", str(customers[0]))
    done = subprocess.run(shlex.split(command), capture_output=True, text=True, check=False)

    assert done.returncode == 0
    answer = json.loads(done.stdout)
    assert "results" in answer or "predictions" in answer, answer


def _arguments(command: str) -> list[str]:
    words = shlex.split(command)
    assert words[:3] == ["uv", "run", "mlinfra"]
    return [str(Path(sys.executable).with_name("mlinfra")), *words[3:]]


def _environment(home: Path) -> dict[str, str]:
    kept = {n: v for n, v in os.environ.items() if not n.startswith(("MLINFRA_", "DAGSTER_"))}
    return kept | {"MLINFRA_HOME": str(home)}


def _run(command: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _arguments(command), env=_environment(home), cwd=home.parent, capture_output=True, text=True, check=False
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    for _ in range(START_SECONDS):
        assert process.poll() is None, log.read_text()[-3000:]
        try:
            if httpx.get(url, trust_env=False).status_code == httpx.codes.OK:
                return
        except httpx.HTTPError:
            pass
        time.sleep(1)
    pytest.fail(f"{url} did not answer:\n{log.read_text()[-3000:]}")
