"""The names in a benchmark's files; imports nothing that the peers do not have."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

KEY = "customer_id"
LABEL_TIME = "event_timestamp"
LABEL_ID = "label_id"


def parts(folder: Path) -> Iterator[Path]:
    """The files of events, in order of time."""
    yield from sorted(folder.glob("part-*.parquet"))


def wide_columns(count: int) -> list[str]:
    """The names of the value columns of a wide table."""
    return [f"v{number:02}" for number in range(count)]
