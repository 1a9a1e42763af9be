"""What is in `deploy/`: nothing but loopback, nothing unpinned, and words that are not understood are refused."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.closed_port import closed_port

DEPLOY = Path(__file__).parents[2] / "deploy"
PORT = re.compile(r"127\.0\.0\.1:\d+:\d+")
PINNED = re.compile(r"(\$\{\w+:\?[^}]+\}/)?[a-z./]+:v?\d+\.\d+(\.\d+)?(\.Final)?")
COMPOSED: dict[str, dict[str, Any]] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


@pytest.mark.parametrize("service", COMPOSED)
def test_a_container_is_pinned_and_binds_to_loopback(service: str) -> None:
    made = COMPOSED[service]
    assert PINNED.fullmatch(made["image"]), made["image"]
    assert made["ports"]
    assert all(PORT.fullmatch(port) for port in made["ports"]), made["ports"]


def test_no_container_has_a_password_in_the_file() -> None:
    environment = {k: str(v) for made in COMPOSED.values() for k, v in made.get("environment", {}).items()}
    secrets = {k: v for k, v in environment.items() if re.search("PASSWORD|SECRET|ACCESS_KEY", k)}
    assert len(secrets) == 3
    assert all(re.fullmatch(r"\$\{\w+:\?[^}]+\}", v) for v in secrets.values())


def test_both_brokers_stamp_records_with_their_own_clock_and_make_no_topic_by_accident() -> None:
    properties = (DEPLOY / "kafka" / "server.properties").read_text()
    assert "log.message.timestamp.type=LogAppendTime" in properties
    assert "auto.create.topics.enable=false" in properties
    assert COMPOSED["kafka"]["environment"]["KAFKA_LOG_MESSAGE_TIMESTAMP_TYPE"] == "LogAppendTime"
    assert COMPOSED["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


def test_every_listener_of_the_broker_is_on_loopback() -> None:
    lines = (DEPLOY / "kafka" / "server.properties").read_text().splitlines()
    [listeners] = [line for line in lines if line.startswith("listeners=")]
    addresses = listeners.removeprefix("listeners=").split(",")
    assert len(addresses) == 2
    assert all("://127.0.0.1:" in address for address in addresses)


@pytest.mark.parametrize("words", [[], ["restart"], ["start", "oracle"]])
def test_a_word_that_is_not_understood_is_refused(words: list[str]) -> None:
    done = subprocess.run([DEPLOY / "services", *words], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: deploy/services install|start|stop|status")


def test_a_broker_that_does_not_run_is_said_and_is_no_error_to_stop(tmp_path: Path) -> None:
    environment = {**os.environ, "MLINFRA_SERVICES_HOME": str(tmp_path), "MLINFRA_KAFKA_PORT": str(closed_port())}

    def run(word: str) -> tuple[int, str]:
        command = [DEPLOY / "services", word, "kafka"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout + done.stderr

    assert run("status") == (3, "kafka: does not run\n")
    assert run("start") == (1, "kafka is not installed: deploy/services install kafka\n")
    assert run("stop") == (0, "kafka: stopped\n")
