"""The project: from a stream to raw, by the contract to processed, both committed, each event once."""

from __future__ import annotations

import atexit
import shutil
import tempfile
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import polars as pl

from bench.ingest.data import FIRST_EARLIER, earlier
from bench.ingest.source import NAME, drop, empty, send, settings, source
from mlinfra_assets.clock import SystemClock
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.ingest.consumer import Pace, SourceConsumer
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.redis_server import embedded
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.log import StreamLog

RUN = Provenance("bench", "code")
BATCH = 100_000
MAX_PAYLOAD = 1 << 20
EARLIER = 20
"""Events of a commit that was made before the measurement."""
LEAST = 200
"""There are at most so many times fewer earlier commits than events: before a very small question come few."""
ROUNDS = 2
"""Commits that are measured after them."""


def ready(data: Path, variant: str) -> Callable[[], Lake]:
    """Fill the stream; the work brings it into processed.

    Args:
        data: Folder of the events.
        variant: `kafka` or `redis`; `kafka after N`: in two commits, past N earlier ones.
    """
    system, _, commits = variant.partition(" after ")
    given = settings(Path(tempfile.mkdtemp(prefix="ingest-")))
    log, topic = empty(given, system)
    atexit.register(_end, given, log, topic)
    events = pl.read_parquet(data / "events.parquet")
    lake, declared = Lake(given.lake), source(system, topic)
    if done := min(int(commits or 0), events.height // LEAST):
        send(given, log, topic, earlier(done * EARLIER))
        _catch_up(lake, log, declared, EARLIER)
    send(given, log, topic, events)

    def work() -> Lake:
        _catch_up(lake, log, declared, max(1, events.height // ROUNDS) if commits else BATCH)
        return lake

    return work


def save(lake: Lake, path: Path) -> None:
    """Write every event with how often it is there, which is once."""
    rows = lake.table(f"processed/{NAME}").read(columns=["id", "amount"], where=[("id", "<", FIRST_EARLIER)])
    found = rows.group_by("id").agg(pl.col("amount").cast(pl.Float64).first(), copies=pl.len())
    assert found["copies"].eq(1).all(), "an event is there twice"
    assert found["id"].sort().to_list() == list(range(found.height)), "an event is missing"
    found.write_parquet(path)


def _catch_up(lake: Lake, log: StreamLog, declared: Source, batch: int) -> None:
    """What `mlinfra consume --until-caught-up` does."""
    pace = Pace(linger=0.0, max_batch=batch, keep=timedelta(days=7))
    consumer = SourceConsumer(lake, log, declared, RUN, SystemClock(), pace, MAX_PAYLOAD)
    for consumed in consumer.catch_up(threading.Event()):
        assert consumed.validated is not None, consumed.waits
        assert consumed.validated.quarantined == 0, consumed.validated.reasons


def _end(given: Settings, log: StreamLog, topic: str) -> None:
    drop(log, topic)
    if not given.redis_url:
        embedded(given).release()
    shutil.rmtree(given.home, ignore_errors=True)
