"""Operators on timestamps (UTC) and dates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from mlinfra_assets.feature_store.column_type import DATE, FLOAT64, INT64
from mlinfra_assets.feature_store.duration import UNITS
from mlinfra_assets.feature_store.engine import exact
from mlinfra_assets.feature_store.engine.vector import Vector

SECONDS_A_DAY = 86_400
_THURSDAY = 4
"""1970-01-01 was one; Monday is 1."""


def seconds_between(args: Sequence[Vector]) -> Vector:
    """Left - right in seconds, as the correctly rounded double.

    Raises:
        FeatureOverflowError: The difference does not fit in 64 bits.
    """
    valid = args[0].valid & args[1].valid
    left, right = args[0].where(valid), args[1].where(valid)
    with np.errstate(all="ignore"):
        difference = exact.subtract(left.values, right.values)
        if left.type == DATE:
            seconds = exact.multiply(difference, np.full(len(difference), SECONDS_A_DAY))
            return Vector(FLOAT64, seconds.astype(np.float64), valid)
    return Vector(FLOAT64, exact.to_double(difference, 6), valid)


def _year(days: np.ndarray) -> np.ndarray:
    return _unit(days, "Y").astype(np.int64) + 1970


def _month(days: np.ndarray) -> np.ndarray:
    return _unit(days, "M").astype(np.int64) % 12 + 1


def _day(days: np.ndarray) -> np.ndarray:
    return days - _unit(days, "M").astype("datetime64[D]").astype(np.int64) + 1


def _weekday(days: np.ndarray) -> np.ndarray:
    return (days + _THURSDAY - 1) % 7 + 1


def _unit(days: np.ndarray, unit: str) -> np.ndarray:
    return days.astype("datetime64[D]").astype(f"datetime64[{unit}]")


def _of_days(part: Callable[[np.ndarray], np.ndarray]) -> Callable[[Sequence[Vector]], Vector]:
    def calculate(args: Sequence[Vector]) -> Vector:
        arg = args[0]
        days = arg.values if arg.type == DATE else arg.values // UNITS["d"]
        return Vector(INT64, part(days), arg.valid).where(arg.valid)

    return calculate


def _of_time(unit: str, count: int) -> Callable[[Sequence[Vector]], Vector]:
    def calculate(args: Sequence[Vector]) -> Vector:
        return Vector(INT64, args[0].values // UNITS[unit] % count, args[0].valid).where(args[0].valid)

    return calculate


DATES: Mapping[str, Callable[[Sequence[Vector]], Vector]] = {
    "year": _of_days(_year),
    "month": _of_days(_month),
    "day": _of_days(_day),
    "weekday": _of_days(_weekday),
    "hour": _of_time("h", 24),
    "minute": _of_time("m", 60),
    "seconds_between": seconds_between,
}
