"""Debezium on the real Kafka Connect: connectors of a test's own, and a worker that a test may kill."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tests.support.own_database import OwnDatabase

SERVICE = Path(__file__).parents[2] / "deploy" / "services"
PATIENCE = 90.0
PARTITIONS = 2
"""Of each table's topic."""


def until(holds: Callable[[], bool], what: str, seconds: float = PATIENCE) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)


class Connector:
    """A Debezium connector on a database, whose tables' topics are `<prefix>.<schema>.<table>`.

    Args:
        connect: Address of the Connect worker.
        database: What it reads.
        tables: Which tables, as `schema.table`.
        settings: Settings beside the usual ones.
    """

    def __init__(self, connect: str, database: OwnDatabase, tables: list[str], **settings: str) -> None:
        self.connect = connect
        self.prefix = database.name
        parts = urlsplit(database.url)
        self.config = {
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "tasks.max": "1",
            "database.hostname": str(parts.hostname),
            "database.port": str(parts.port),
            "database.user": str(parts.username),
            "database.password": str(parts.password),
            "database.dbname": database.name,
            "topic.prefix": database.name,
            "table.include.list": ",".join(tables),
            "plugin.name": "pgoutput",
            "slot.name": database.name,
            "publication.name": "changes",
            "publication.autocreate.mode": "filtered",
            "decimal.handling.mode": "precise",
            "interval.handling.mode": "string",
            "skipped.operations": "none",
            "poll.interval.ms": "50",
            "topic.creation.default.replication.factor": "1",
            "topic.creation.default.partitions": str(PARTITIONS),
            **{name.replace("_", "."): value for name, value in settings.items()},
        }

    def start(self) -> None:
        """Make it, and wait until it streams."""
        httpx.post(
            f"{self.connect}/connectors", json={"name": self.prefix, "config": self.config}, timeout=30
        ).raise_for_status()
        until(self.runs, f"connector {self.prefix} runs")

    def runs(self) -> bool:
        """Whether its task runs."""
        try:
            answer = httpx.get(f"{self.connect}/connectors/{self.prefix}/status", timeout=10)
        except httpx.TransportError:
            return False
        status: dict[str, Any] = answer.json() if answer.status_code == httpx.codes.OK else {}
        tasks = status.get("tasks", [])
        assert not any(task["state"] == "FAILED" for task in tasks), tasks
        return bool(tasks) and all(task["state"] == "RUNNING" for task in tasks)

    def remove(self) -> None:
        """Delete it."""
        httpx.delete(f"{self.connect}/connectors/{self.prefix}", timeout=30)


@contextmanager
def connector(
    connect: str, kafka: str, database: OwnDatabase, tables: list[str], **settings: str
) -> Iterator[Connector]:
    """A running connector on topics that are there already; both are deleted afterwards."""
    made = Connector(connect, database, tables, **settings)
    admin = AdminClient({"bootstrap.servers": kafka})
    stamped = {"message.timestamp.type": "LogAppendTime"}
    topics = [NewTopic(f"{made.prefix}.{table}", PARTITIONS, 1, config=stamped) for table in tables]
    for done in admin.create_topics(topics).values():
        done.result(30)
    try:
        made.start()
        yield made
    finally:
        made.remove()
        names = [t for t in admin.list_topics(timeout=10).topics if t.startswith(f"{made.prefix}.")]
        for done in (admin.delete_topics(names) if names else {}).values():
            done.result(30)


class OwnConnect:
    """A Connect worker of a test's own, which it may kill and start again.

    Args:
        folder: Where its log is.
        kafka: Bootstrap servers of the Kafka that it is on.
    """

    def __init__(self, folder: Path, kafka: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{port}"
        self.folder = folder
        self.name = f"mlinfra-connect-{uuid4().hex[:8]}"
        self.kafka = kafka
        self._environment = {
            **os.environ,
            "MLINFRA_CONNECT_HOME": str(folder),
            "MLINFRA_CONNECT_PORT": str(port),
            "MLINFRA_CONNECT_NAME": self.name,
            "MLINFRA_CONNECT_HEAP": "320m",
            "MLINFRA_KAFKA_SERVERS": kafka,
        }

    def start(self) -> None:
        """Start it; returns when it answers."""
        self._service("install")
        self._service("start")

    def kill(self) -> None:
        """Kill it with SIGKILL, and wait until it is gone."""
        process = int((self.folder / "connect.pid").read_text())
        os.kill(process, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{process}").exists() or _dead(process), "the worker is gone")

    def remove(self) -> None:
        """Stop it, and delete its topics."""
        self._service("stop")
        admin = AdminClient({"bootstrap.servers": self.kafka})
        topics = [t for t in admin.list_topics(timeout=10).topics if t.startswith(self.name)]
        for done in (admin.delete_topics(topics) if topics else {}).values():
            done.result(10)

    def _service(self, word: str) -> None:
        command = [SERVICE, word, "connect"]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def _dead(process: int) -> bool:
    """Whether a process has ended and only waits to be collected."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except OSError:
        return True
