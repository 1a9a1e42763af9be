"""What is asked of each entity at the end of each day; imports nothing that the peers do not have."""

from __future__ import annotations

from datetime import date, timedelta

from bench.harness.layout import wide_columns

WINDOWED, NEWEST = "windowed", "newest"
ORDERS, PROFILES = "orders", "profiles"
FUNCTIONS = ("count", "sum", "mean", "min", "max")
WINDOWS = (1, 7, 30, 90)
WIDE = 20
DAY = "day"
DAYS = tuple(date(2025, 1, 1) + timedelta(days=number) for number in range(365))
FEAST_DAYS = DAYS[29::30]


def features(asked: str) -> list[str]:
    """The names of the 20 features."""
    if asked == NEWEST:
        return wide_columns(WIDE)
    return [f"{function}_{days}d" for days in WINDOWS for function in FUNCTIONS]
