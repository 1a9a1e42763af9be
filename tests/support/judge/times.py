"""Times as people read them. A timestamp is microseconds, a date days since 1970; both UTC."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction

DAY = 86_400_000_000
EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (all times here are UTC)


def when(value: int, kind: str) -> datetime:
    return EPOCH + timedelta(microseconds=value * DAY if kind == "date" else value)


CALENDAR = {
    "year": lambda value, kind: when(value, kind).year,
    "month": lambda value, kind: when(value, kind).month,
    "day": lambda value, kind: when(value, kind).day,
    "weekday": lambda value, kind: when(value, kind).isoweekday(),
    "hour": lambda value, kind: when(value, kind).hour,
    "minute": lambda value, kind: when(value, kind).minute,
}


def time_to_string(value: int, kind: str) -> str:
    if kind == "date":
        return when(value, kind).date().isoformat()
    return when(value, kind).isoformat(timespec="microseconds") + "Z"


def seconds_between(left: int, right: int, kind: str) -> float:
    """Left - right, rounded once."""
    micros = (left - right) * (DAY if kind == "date" else 1)
    return float(Fraction(micros, 1_000_000))
