"""One stream at one rate: when each event was produced, and when the online store first answered with it."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from multiprocessing.synchronize import Event
from pathlib import Path

import numpy as np

from bench.freshness.shop import VIEW, Shop, lines
from bench.ingest.source import drop, empty, settings
from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.redis_server import embedded
from mlinfra_assets.settings import Settings

SYSTEMS = ("redis", "kafka")
BASE = 20_000
WARM = 5.0
PATIENCE = 60.0
BURST = 0.005
"""Seconds between two appends of a fast producer."""


@dataclass(frozen=True)
class Measured:
    """What was found.

    Attributes:
        system: The stream's.
        rate: Events a second asked for.
        events: Events measured.
        per_second: Events a second that were produced.
        p50_ms: Half of the events were readable online so long after they were produced.
        p99_ms: 99 of 100 were.
        most_ms: All were.
        updater_cpu_s: CPU seconds of the updater meanwhile.
        equal: Whether what is served in the end is what one base of all events gives.
    """

    system: str
    rate: int
    events: int
    per_second: float
    p50_ms: float
    p99_ms: float
    most_ms: float
    updater_cpu_s: float
    equal: bool


def measure(system: str, rate: int, seconds: float) -> Measured:
    """Produce at a rate for so long, while an updater in a process of its own feeds the view."""
    given = settings(Path(tempfile.mkdtemp(prefix="freshness-")))
    log, topic = empty(given, system)
    log.append(topic, lines(0, BASE))
    shop = Shop(given, system, topic)
    shop.push()
    context = multiprocessing.get_context("spawn")
    stop = context.Event()
    environment = {**given.to_environment(), "POLARS_MAX_THREADS": "1"}
    updater = context.Process(target=_update, args=(environment, system, topic, stop), daemon=True)
    os.environ["POLARS_MAX_THREADS"] = "1"  # the child reads it before it runs any code of ours
    updater.start()
    try:
        _await(shop)
        _produce(shop, topic, rate, min(WARM, seconds), BASE)
        cpu = _cpu_of(updater.pid)
        sent = _produce(shop, topic, rate, seconds, 2 * BASE)
        cpu = _cpu_of(updater.pid) - cpu
        equal = shop.equal()
    finally:
        stop.set()
        updater.join(PATIENCE)
        updater.kill()
        drop(log, topic)
        if not given.redis_url:
            embedded(given).release()
        shutil.rmtree(given.home, ignore_errors=True)
    took = np.sort(sent) * 1_000
    half, most = (float(took[min(len(took) - 1, int(len(took) * share))]) for share in (0.5, 0.99))
    return Measured(
        system, rate, len(took), len(took) / seconds, round(half, 2), round(most, 2), round(float(took[-1]), 2),
        round(cpu, 3), equal,
    )  # fmt: skip


def _produce(shop: Shop, topic: str, rate: int, seconds: float, first: int) -> np.ndarray:
    """Seconds from production to being readable online, of each event that is produced."""
    each = max(1, round(rate * BURST))
    gap = each / rate
    produced: list[tuple[int, int, float]] = []
    seen: list[float] = []
    done = threading.Event()

    def watch() -> None:
        tail, at = shop.store.tail(VIEW), 0
        deadline = time.monotonic() + seconds + PATIENCE
        while not (done.is_set() and at == len(produced)) and time.monotonic() < deadline:
            if at == len(produced):
                time.sleep(0.0005)
                continue
            reached = tail.standing().watermark[shop.source.name].offsets
            now = time.perf_counter()
            while at < len(produced) and reached.get(produced[at][0], -1) >= produced[at][1]:
                seen.append(now - produced[at][2])
                at += 1

    watcher = threading.Thread(target=watch)
    watcher.start()
    begun = time.perf_counter()
    for number in range(max(1, int(seconds / gap))):
        wait = begun + number * gap - time.perf_counter()
        if wait > 0:
            time.sleep(wait)
        events = lines(first + number * each, each)
        at = time.perf_counter()
        produced += [(p, offset, at) for p, offset in shop.log.append(topic, events)]
    done.set()
    watcher.join()
    if len(seen) != len(produced):
        raise UnavailableError(f"{len(produced) - len(seen)} events did not come online within {PATIENCE:g} s")
    return np.array(seen)


def _await(shop: Shop) -> None:
    """Wait until the updater follows the stream."""
    deadline = time.monotonic() + PATIENCE
    while shop.store.tail(VIEW).standing().tail is None:
        if time.monotonic() > deadline:
            raise UnavailableError("the updater does not follow the stream")
        time.sleep(0.05)


def _cpu_of(pid: int | None) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _update(environment: Mapping[str, str], system: str, topic: str, stop: Event) -> None:
    os.environ.update(environment)
    asked = threading.Event()
    threading.Thread(target=lambda: (stop.wait(), asked.set()), daemon=True).start()
    for _ in Shop(Settings.load(), system, topic).feed().follow(asked, topic):
        pass
