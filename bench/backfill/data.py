"""Orders to aggregate over windows, and wide rows of which the newest counts."""

from __future__ import annotations

from pathlib import Path

from bench.backfill.layout import DAYS, ORDERS, PROFILES, WIDE
from bench.harness.cache import made_once
from bench.harness.events import Events, write_events

ENTITIES = 100_000
ORDER_ROWS, PROFILE_ROWS = 10_000_000, 2_000_000


def make(cache: Path, scale: float) -> Path:
    """The folder with a folder for each dataset."""
    return made_once(cache / f"backfill-{scale:g}", lambda folder: _write(folder, scale))


def sized(full: int, scale: float) -> int:
    """A number at a scale, 10 at least."""
    return max(10, round(full * scale))


def _write(folder: Path, scale: float) -> None:
    entities = sized(ENTITIES, scale)
    orders = Events(sized(ORDER_ROWS, scale), entities, days=len(DAYS))
    profiles = Events(sized(PROFILE_ROWS, scale), entities, days=len(DAYS), seed=1, wide=WIDE)
    for dataset, events in ((ORDERS, orders), (PROFILES, profiles)):
        (folder / dataset).mkdir()
        write_events(folder / dataset, events)
