"""A Kafka broker of a test's own, which it may stop, kill and start again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

GONE_SECONDS = 60.0
SERVICE = Path(__file__).parents[2] / "deploy" / "services"


class OwnBroker:
    """A broker on free ports, with its data in a folder of its own.

    Args:
        folder: Where its data and log are.
        properties: Lines that come after those of `deploy/kafka/server.properties`; `@PORT@` is the broker's port,
            `@CONTROLLER_PORT@` its controller's.
        heap: Its memory, as Java writes it.
    """

    def __init__(self, folder: Path, properties: str = "", heap: str = "192m") -> None:
        self.folder = folder
        self.port = _free_ports()
        self.servers = f"127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        extra = folder / "extra.properties"
        extra.write_text(properties.replace("@PORT@", str(self.port)).replace("@CONTROLLER_PORT@", str(self.port + 1)))
        self._environment = {
            **os.environ,
            "MLINFRA_KAFKA_HOME": str(folder),
            "MLINFRA_KAFKA_PORT": str(self.port),
            "MLINFRA_KAFKA_HEAP": heap,
            "MLINFRA_KAFKA_PROPERTIES": str(extra),
        }

    def start(self) -> None:
        """Start it, or start it again on the same data; returns when it answers."""
        self._service("install")
        self._service("start")

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._service("stop")

    def kill(self) -> None:
        """Kill it with SIGKILL; returns when its ports are free again."""
        os.kill(int((self.folder / "broker.pid").read_text()), signal.SIGKILL)
        deadline = time.monotonic() + GONE_SECONDS
        while any(_listens(port) for port in (self.port, self.port + 1)):
            assert time.monotonic() < deadline, "the killed broker still listens"
            time.sleep(0.02)

    def fall(self) -> None:
        """Kill it, and start it again on the same data."""
        self.kill()
        self.start()

    def _service(self, word: str) -> None:
        command = [SERVICE, word, "kafka"]
        done = subprocess.run(command, env=self._environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def own_broker(folder: Path, properties: str = "") -> Iterator[OwnBroker]:
    """A broker that runs, and is asked to end in the end."""
    broker = OwnBroker(folder, properties)
    broker.start()
    try:
        yield broker
    finally:
        broker.stop()


def _listens(port: int) -> bool:
    with socket.socket() as asking:
        return asking.connect_ex(("127.0.0.1", port)) == 0


def _free_ports() -> int:
    """A port that is free, and so is the next one."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = int(first.getsockname()[1])
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
