"""Seeded events in the form of a processed table, and label rows to ask about.

Times are such that methods which know nothing of `_known_at` answer alike: an event happens in the first 4 seconds of
a slot of 10 seconds and is known 5 seconds into it, and every question is asked between second 7 and 8. So whatever
has happened is known, no two events share a time, and no question falls on the edge of a window or TTL of whole slots.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from bench.harness.layout import KEY, LABEL_ID, LABEL_TIME, wide_columns
from mlinfra_assets import names

FIRST_DAY = int(np.datetime64("2025-01-01", "us").astype(np.int64))
FILE_ROWS = 1_000_000
DAY = 86_400_000_000
_SLOT = 10_000_000
_EVENT_SPAN = 4_000_000
_KNOWN = 5_000_000
_ASKED, _ASKED_SPAN = 7_000_000, 1_000_000
_UNKNOWN_SHARE = 0.01
_NULL_SHARE = 0.02
_PRODUCTS = 2_000


@dataclass(frozen=True)
class Events:
    """What to make.

    Attributes:
        rows: Number of events.
        entities: Number of different keys, 0 to `entities` - 1, each as likely as the others.
        days: Time that the events are spread over, evenly.
        seed: Of the random numbers.
        prefix: Put before the names of the value columns, so that tables can be joined.
        wide: Number of float64 columns instead of the usual value columns: `v00`, `v01` and so on.
    """

    rows: int
    entities: int
    days: int = 90
    seed: int = 0
    prefix: str = ""
    wide: int = 0


def write_events(folder: Path, events: Events) -> None:
    """Write events as Parquet files of a million rows at most, two at least, in the order of their times.

    Each file has several row groups, so that few rows are read in the same way as many.
    """
    files = max(2, -(-events.rows // FILE_ROWS))
    slots = np.linspace(0, events.days * DAY // _SLOT, files + 1).astype(np.int64)
    counts = np.diff(np.linspace(0, events.rows, files + 1).astype(np.int64))
    random = np.random.default_rng(events.seed)
    offset = 0
    for number in range(files):
        frame = _events(random, events, int(counts[number]), (int(slots[number]), int(slots[number + 1])), offset)
        group = max(1, frame.height // 4)
        frame.write_parquet(folder / f"part-{number:04}.parquet", compression="snappy", row_group_size=group)
        offset += frame.height


def write_labels(path: Path, rows: int, events: Events) -> None:
    """Write questions as one Parquet file, in random order: `label_id`, the key, and the time.

    One in a hundred asks for a key that no event has.
    """
    random = np.random.default_rng(events.seed + 1_000)
    times = _times(random, rows, (0, events.days * DAY // _SLOT), _ASKED, _ASKED_SPAN)
    keys = random.integers(0, events.entities, rows)
    keys = np.where(random.random(rows) < _UNKNOWN_SHARE, keys + events.entities, keys)
    frame = pl.DataFrame(
        {LABEL_ID: np.arange(rows, dtype=np.int64), KEY: keys, LABEL_TIME: _utc(random.permutation(times))}
    )
    frame.write_parquet(path, compression="snappy")


def _events(
    random: np.random.Generator, events: Events, rows: int, slots: tuple[int, int], offset: int
) -> pl.DataFrame:
    times = _times(random, rows, slots, 0, _EVENT_SPAN)
    known = times // _SLOT * _SLOT + _KNOWN
    return pl.DataFrame(
        {
            KEY: random.integers(0, events.entities, rows),
            **_values(random, events, rows),
            names.EVENT_TIME: _utc(times),
            names.KNOWN_AT: _utc(known),
            names.ASSUMED: pl.repeat(False, rows, eager=True),
            names.PARTITION: pl.repeat(0, rows, dtype=pl.Int64, eager=True),
            names.OFFSET: np.arange(offset, offset + rows, dtype=np.int64),
            names.ROW: pl.repeat(0, rows, dtype=pl.Int64, eager=True),
            names.RELEASE: pl.repeat(None, rows, dtype=pl.Int64, eager=True),
            names.CONTRACT: pl.repeat("1.0.0", rows, eager=True),
        }
    )


def _values(random: np.random.Generator, events: Events, rows: int) -> dict[str, np.ndarray | pl.Series]:
    if events.wide:
        return {name: np.round(random.normal(0.0, 100.0, rows), 2) for name in wide_columns(events.wide)}
    score = pl.Series(random.normal(0.0, 1.0, rows))
    values = {
        "amount": np.round(random.lognormal(7.0, 1.0, rows)).astype(np.int64),
        "price": random.lognormal(2.0, 0.5, rows),
        "score": pl.select(pl.when(pl.Series(random.random(rows) >= _NULL_SHARE)).then(score)).to_series(),
        "product": np.minimum(random.geometric(0.005, rows), _PRODUCTS),
    }
    return {events.prefix + name: column for name, column in values.items()}


def _times(random: np.random.Generator, rows: int, slots: tuple[int, int], begin: int, span: int) -> np.ndarray:
    """Different times in order, microseconds since 1970: in slots, from `begin` for `span` microseconds."""
    places = (slots[1] - slots[0]) * span
    # Sorted numbers plus their rank are all different.
    drawn = np.sort(random.integers(0, places - rows, rows)) + np.arange(rows)
    return FIRST_DAY + (slots[0] + drawn // span) * _SLOT + begin + drawn % span


def _utc(micros: np.ndarray) -> pl.Series:
    return pl.Series(micros).cast(pl.Datetime("us", "UTC"))
