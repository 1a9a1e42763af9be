"""When the simulated shop is open, and how busy its seasons are."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np

FIRST, LAST = date(2010, 12, 1), date(2011, 12, 9)
SEASON = (0.85, 0.8, 0.9, 0.85, 0.9, 0.9, 0.9, 0.9, 1.1, 1.2, 1.4, 1.2)
"""Trade by month, January to December, against the year's mean."""
SATURDAY = 5
MINUTES = (8 * 60, 18 * 60)
"""The till's hours on the wall clock, in minutes since midnight."""


def is_open(day: date) -> bool:
    """Closed on Saturdays and from 24 December to 3 January."""
    holidays = (day.month, day.day) >= (12, 24) or (day.month, day.day) <= (1, 3)
    return day.weekday() != SATURDAY and not holidays


OPEN_DAYS = tuple(d for n in range((LAST - FIRST).days + 1) if is_open(d := FIRST + timedelta(days=n)))
OPEN_NUMBERS = np.array([(d - FIRST).days for d in OPEN_DAYS])
"""The open days as days since the first."""
BUSY = np.array([SEASON[(FIRST + timedelta(days=n)).month - 1] for n in range((LAST - FIRST).days + 1)])
"""How busy each day of the year is, open or not."""


def minutes_at(days: np.ndarray, draw: np.random.Generator) -> np.ndarray:
    """Minutes since midnight of the first day, for visits that fall on these days (fractions are allowed).

    A Saturday becomes the Sunday after it; the time of day is drawn around noon. Visits in the holidays or past the
    last open day do not take place, and are given as -1.
    """
    place = np.searchsorted(OPEN_NUMBERS, np.floor(days))
    day = OPEN_NUMBERS[np.minimum(place, OPEN_NUMBERS.size - 1)]
    wait = day - np.floor(days)
    minute = np.clip(np.rint(draw.normal(12.8 * 60, 130.0, days.size)), MINUTES[0], MINUTES[1]).astype(np.int64)
    return np.where((wait < 0) | (wait > 1), -1, day * 1440 + minute)
