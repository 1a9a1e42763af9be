"""Three datasets, and the label rows that ask about them."""

from __future__ import annotations

from pathlib import Path

from bench.harness.cache import made_once
from bench.harness.events import Events, write_events, write_labels
from bench.point_in_time.layout import DATASETS

_ROWS, _LABELS, _ENTITIES = 10_000_000, 1_000_000, 100_000


def make(cache: Path, scale: float) -> Path:
    """The folder with a folder of events for each dataset, and `labels.parquet`."""
    return made_once(cache / f"point-in-time-{scale:g}", lambda folder: _write(folder, scale))


def _write(folder: Path, scale: float) -> None:
    rows, labels, entities = (max(10, round(full * scale)) for full in (_ROWS, _LABELS, _ENTITIES))
    for seed, dataset in enumerate(DATASETS):
        events = Events(rows, entities, seed=seed, prefix=f"{dataset}_")
        (folder / dataset).mkdir()
        write_events(folder / dataset, events)
    write_labels(folder / "labels.parquet", labels, Events(rows, entities))
