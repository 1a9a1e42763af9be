"""One dataset and the moments that are asked about."""

from __future__ import annotations

from pathlib import Path

from bench.harness.cache import made_once
from bench.harness.events import Events, write_events, write_labels
from bench.windows.layout import SPAN_DAYS

DATASET = "orders"
_ROWS, _LABELS, _ENTITIES = 10_000_000, 1_000_000, 100_000


def make(cache: Path, scale: float) -> Path:
    """The folder with a folder of events and `labels.parquet`."""
    return made_once(cache / f"windows-{scale:g}", lambda folder: _write(folder, scale))


def _write(folder: Path, scale: float) -> None:
    rows, labels, entities = (max(10, round(full * scale)) for full in (_ROWS, _LABELS, _ENTITIES))
    events = Events(rows, entities, days=SPAN_DAYS)
    (folder / DATASET).mkdir()
    write_events(folder / DATASET, events)
    write_labels(folder / "labels.parquet", labels, events)
