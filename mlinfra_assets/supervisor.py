"""Runs services as child processes: starts them, waits until they answer, and stops all as soon as one should end."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mlinfra_assets import process_group
from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.interrupts import interrupted

TICK = 0.2
TAIL = 25


class ServiceError(UnavailableError):
    """A service ended by itself, or did not answer in time."""


@dataclass(frozen=True)
class Service:
    """A program to run.

    Attributes:
        name: What people and its log file call it.
        command: Program and arguments.
        ready: Asked again and again until it is true.
        patience: Seconds until it has to be ready.
        grace: Seconds that it gets to end.
    """

    name: str
    command: tuple[str, ...]
    ready: Callable[[], bool]
    patience: float = 180.0
    grace: float = 15.0


@dataclass
class Supervisor:
    """Services that live and end together.

    Attributes:
        services: In the order of starting; they are stopped in the opposite order.
        environment: Of every child.
        logs: Folder of their logs, one file each; the one before is kept beside it.
        say: Told what happens, for people.
    """

    services: Sequence[Service]
    environment: Mapping[str, str]
    logs: Path
    say: Callable[[str], None]
    _running: list[tuple[Service, subprocess.Popen[bytes]]] = field(default_factory=list, init=False)
    _asked: int = field(default=0, init=False)
    _wake: threading.Event = field(default_factory=threading.Event, init=False)

    def run(self, on_ready: Callable[[], None]) -> None:
        """Start everything, and return when a person has asked for the end and nothing runs any more.

        SIGINT and SIGTERM ask for the end; asked a second time, everything is killed at once. To be called from the
        main thread.

        Args:
            on_ready: Called once, when every service answers.

        Raises:
            ServiceError: A service ended by itself or did not become ready; the others have been stopped.
        """
        with interrupted(self.stop):
            try:
                self._start()
                if self._await_ready():
                    on_ready()
                    self._watch()
            finally:
                self._stop()

    def stop(self) -> None:
        """Ask for the end, from any thread."""
        self._asked += 1
        self._wake.set()

    def log(self, service: Service) -> Path:
        """The log of a service."""
        return self.logs / f"{service.name}.log"

    def _start(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        for service in self.services:
            if self._asked:
                return
            log = self.log(service)
            if log.exists():
                log.replace(log.with_suffix(".previous.log"))
            with log.open("wb") as output:
                process = subprocess.Popen(
                    service.command,
                    env=dict(self.environment),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self._running.append((service, process))

    def _await_ready(self) -> bool:
        """Whether all became ready; False if the end was asked for before."""
        begun = time.monotonic()
        waiting = list(self.services)
        while waiting and not self._asked:
            self._refuse_dead()
            for service in [service for service in waiting if service.ready()]:
                waiting.remove(service)
                self.say(f"{service.name} is up")
            for service in waiting:
                if time.monotonic() - begun > service.patience:
                    raise ServiceError(
                        f"{service.name} did not answer within {service.patience:.0f} s{self._tail(service)}"
                    )
            if waiting:
                self._wake.wait(TICK)
        return not self._asked

    def _watch(self) -> None:
        while not self._asked:
            self._refuse_dead()
            self._wake.wait(TICK)

    def _refuse_dead(self) -> None:
        for service, process in self._running:
            status = process.poll()
            if status is not None:
                how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
                raise ServiceError(f"{service.name} {how}, so everything was stopped{self._tail(service)}")

    def _tail(self, service: Service) -> str:
        log = self.log(service)
        lines = log.read_text(errors="replace").splitlines()[-TAIL:]
        return f". The end of its log ({log}):\n" + "\n".join(f"  {line}" for line in lines)

    def _stop(self) -> None:
        at_start = self._asked
        while self._running:
            service, process = self._running.pop()
            if self._asked > max(at_start, 1):
                process_group.kill(process)
                continue
            self.say(f"stopping {service.name}")
            if not process_group.end(process, service.grace):
                self.say(f"{service.name} did not end by itself and was killed")
