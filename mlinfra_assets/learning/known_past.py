"""Up to when everything that happened is known: labels are only read where nothing can be missing."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.clock import to_micros


def first_event(rows: pl.DataFrame) -> int | None:
    """Event time of the earliest row in microseconds; None without rows."""
    return None if rows.is_empty() else to_micros(rows[names.EVENT_TIME].min())  # pyright: ignore[reportArgumentType]


def complete_to(rows: pl.DataFrame, now: datetime) -> int:
    """The last microsecond by which every row that was known is among these; -1 without rows.

    A dataset may lag behind its source, which it cannot tell. Its newest row says how far it has come; others that
    became known in that very microsecond may still be missing.
    """
    if rows.is_empty():
        return -1
    return complete_before(rows[names.KNOWN_AT].max(), now)  # pyright: ignore[reportArgumentType]


def complete_before(newest: datetime, now: datetime) -> int:
    """As `complete_to`, from the known-at time of the newest row alone."""
    return min(to_micros(now), to_micros(newest) - 1)
