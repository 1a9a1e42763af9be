"""The project: from a stream to raw, by the contract to processed, both committed, each event once."""

from __future__ import annotations

import atexit
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl

from bench.ingest.data import FIRST_EARLIER, earlier
from bench.ingest.source import NAME, drop, empty, send, settings, source
from mlinfra_assets import names
from mlinfra_assets.clock import SystemClock
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.ingest.processed import validate_source
from mlinfra_assets.ingest.streams import land_stream
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.redis_server import embedded
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.log import StreamLog

RUN = Provenance("bench", "code")
SMALL_FILES = 64
"""So many commits are merged into one file, as a consumer that stays does."""
EARLIER = 20
"""Events of a commit that was made before the measurement."""
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
    if commits:
        send(given, log, topic, earlier(int(commits) * EARLIER))
    send(given, log, topic, events)
    lake, declared = Lake(given.lake), source(system, topic)
    for number in range(1, int(commits or 0) + 1):
        _ingest(lake, log, declared, EARLIER, 1)
        if number % SMALL_FILES == 0:
            for zone in names.ingested(NAME):
                lake.table(names.table(*zone)).maintain(SMALL_FILES)
    size = max(1, events.height // ROUNDS) if commits else None

    def work() -> Lake:
        for _ in range(ROUNDS if commits else 1):
            _ingest(lake, log, declared, size, 1 if commits else None)
        return lake

    return work


def save(lake: Lake, path: Path) -> None:
    """Write every event with how often it is there, which is once."""
    rows = lake.table(f"processed/{NAME}").read(columns=["id", "amount"], where=[("id", "<", FIRST_EARLIER)])
    found = rows.group_by("id").agg(pl.col("amount").cast(pl.Float64).first(), copies=pl.len())
    assert found["copies"].eq(1).all(), "an event is there twice"
    assert found["id"].sort().to_list() == list(range(found.height)), "an event is missing"
    found.write_parquet(path)


def _ingest(lake: Lake, log: StreamLog, declared: Source, size: int | None, commits: int | None) -> None:
    clock = SystemClock()
    land_stream(lake, log, declared, RUN, clock, max_records=size, max_commits=commits)
    validated = validate_source(lake, declared, RUN, clock.now(), max_payload_bytes=1 << 20)
    assert validated.quarantined == 0, validated.reasons


def _end(given: Settings, log: StreamLog, topic: str) -> None:
    drop(log, topic)
    if not given.redis_url:
        embedded(given).release()
    shutil.rmtree(given.home, ignore_errors=True)
