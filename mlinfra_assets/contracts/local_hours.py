"""Local times to UTC by the batch: hours in which no clock changes have one offset for all their times."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

HOUR = 3_600_000_000
WIDEST = 10_000_000
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - by the clock on the wall
QUARTER = timedelta(minutes=15)


def to_utc(local: np.ndarray, zone: str) -> tuple[np.ndarray, np.ndarray]:
    """Times in UTC, and for which of them it is certain; around a clock change it is not.

    Args:
        local: Microseconds since the epoch by the clock on the wall, int64[n], in years 100 to 9900.
        zone: IANA name.
    """
    if zone == "UTC" or not len(local):
        return local, np.ones(len(local), np.bool_)
    hours = local // HOUR
    first, last = int(hours.min()), int(hours.max())
    if last - first < WIDEST:
        seen = np.zeros(last - first + 1, np.bool_)
        seen[hours - first] = True
        distinct = np.flatnonzero(seen) + first
        place = np.cumsum(seen)[hours - first] - 1
    else:
        distinct, place = np.unique(hours, return_inverse=True)
    offsets = [_offset(zone, int(hour)) for hour in distinct]
    quiet = np.array([offset is not None for offset in offsets])[place]
    return local - np.array([offset or 0 for offset in offsets], np.int64)[place], quiet


def _offset(zone: str, hour: int) -> int | None:
    """Microseconds east of UTC during an hour since the epoch; None: a clock changes in it or at its ends."""
    whole_day = _steady(zone, hour // 24 * 24, 24, 4 * QUARTER)
    return whole_day if whole_day is not None else _steady(zone, hour, 1, QUARTER)


@lru_cache(maxsize=200_000)
def _steady(zone: str, hour: int, hours: int, step: timedelta) -> int | None:
    """The offset at every `step` of some hours, if it is one; no zone has changed twice within an hour."""
    at = EPOCH + timedelta(hours=hour)
    end = at + timedelta(hours=hours)
    clock = ZoneInfo(zone)
    offset = at.replace(tzinfo=clock).utcoffset()
    while at <= end:
        for fold in (0, 1):
            if at.replace(tzinfo=clock, fold=fold).utcoffset() != offset:
                return None
        at += step
    return (offset or timedelta()) // timedelta(microseconds=1)
