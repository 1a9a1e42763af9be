"""Events, a hundred for each entity, and a label row for every ten."""

from __future__ import annotations

from pathlib import Path

from bench.harness.cache import made_once
from bench.harness.events import Events, write_events, write_labels

DATASET = "visits"
TTL_DAYS = 2


def make(cache: Path, rows: int) -> Path:
    """The folder with a folder of events and `labels.parquet`."""
    return made_once(cache / f"growth-{rows}", lambda folder: _write(folder, rows))


def labels(rows: int) -> int:
    """How many label rows there are for so many events."""
    return max(10, rows // 10)


def _write(folder: Path, rows: int) -> None:
    events = Events(rows, entities=max(10, rows // 100))
    (folder / DATASET).mkdir()
    write_events(folder / DATASET, events)
    write_labels(folder / "labels.parquet", labels(rows), events)
