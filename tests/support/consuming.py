"""Consumers in this process and in one of their own, for tests."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import polars as pl

from mlinfra_assets.clock import HomeClock
from mlinfra_assets.contracts.declaration import load_source
from mlinfra_assets.datasets import SOURCES
from mlinfra_assets.ingest.consumer import Pace, SourceConsumer
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.redis_server import connect
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.more_lines import line

PROJECT = Path(__file__).parents[2]
NOON = datetime(2011, 9, 1, 12, tzinfo=UTC)
PATIENCE = 120.0
ORDER_LINES = SOURCES / "order_lines.yaml"


def lines(log: RedisLog, first: int, count: int, broken: int = 0) -> None:
    """Append `count` lines from number `first` on, a second apart; the first `broken` of them break the contract."""
    log.append_at(
        "order_lines",
        [
            (
                NOON + timedelta(seconds=n),
                line(n, NOON + timedelta(seconds=n), **({"Quantity": "a dozen"} if n < first + broken else {})),
            )
            for n in range(first, first + count)
        ],
    )


def consumer(
    settings: Settings, linger: float = 0.0, max_batch: int = 100_000, declaration: Path = ORDER_LINES
) -> SourceConsumer:
    """A consumer of the order lines, as a file declares them, on connections of its own."""
    return SourceConsumer(
        Lake(settings.lake),
        RedisLog(connect(settings)),
        load_source(declaration),
        Provenance(f"consume-{uuid4().hex}", "code"),
        HomeClock(settings.home),
        Pace(linger, max_batch, timedelta(days=7)),
        settings.max_payload_bytes,
        declared=lambda: load_source(declaration),
    )


def seen(settings: Settings) -> list[int]:
    """The numbers of the lines in processed and in quarantine, sorted; one that came twice is there twice."""
    lake = Lake(settings.lake)
    offsets = {o: n for n, o in enumerate(lake.table("raw/order_lines").read()["offset"].sort())}
    parts = [
        lake.table(f"processed/{name}").read(columns=["_offset"]) for name in ("order_lines", "order_lines_quarantine")
    ]
    return sorted(offsets[o] for o in pl.concat(parts)["_offset"])


def until(true: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


class Consuming:
    """`mlinfra consume --json` in a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._pump, daemon=True).start()

    def said(self, event: str, source: str) -> dict:
        """The next event of a kind that it says of a source."""
        while True:
            found = json.loads(self._lines.get(timeout=PATIENCE))
            if (found["event"], found["source"]) == (event, source):
                return found

    def end(self, how: int = signal.SIGTERM) -> tuple[int, str]:
        """Ask it to end; its exit status and what it said on stderr."""
        self.process.send_signal(how)
        status = self.process.wait(PATIENCE)
        assert self.process.stderr is not None
        return status, self.process.stderr.read()

    def _pump(self) -> None:
        assert self.process.stdout is not None
        for text in self.process.stdout:
            self._lines.put(text)


@contextmanager
def consuming(settings: Settings, *arguments: str, kill_at: str = "") -> Iterator[Consuming]:
    """Start it; it is killed in the end if it still runs."""
    command = [
        sys.executable,
        "-m",
        "mlinfra_assets.cli",
        "consume",
        "--json",
        "--home",
        str(settings.home),
        *arguments,
    ]
    environment = {**os.environ, **settings.to_environment(), "MLINFRA_KILL_AT": kill_at}
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            yield Consuming(process)
        finally:
            process.kill()
