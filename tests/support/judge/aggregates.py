"""Many rows of an entity to one value."""

from __future__ import annotations

import math
from collections import Counter
from fractions import Fraction
from typing import Any

from tests.support.judge.kinds import row_kind
from tests.support.judge.rows import Row
from tests.support.judge.values import Exact, comparable, leaving, scale_of

MILLION = 1_000_000
UNIT = 2**1074
"""Every finite double is a whole number of 1 / UNIT."""


def aggregate(node: dict, rows: list[Row], t: int, columns: dict) -> Any:
    """One aggregate over an entity's rows, which are in order; `columns` has the types of the dataset's columns."""
    rows = admitted(node, rows, t)
    function = node["aggregate"]
    if function == "since_last":
        return float(Fraction(t - rows[-1].event_time, MILLION)) if rows else None
    if function == "mean_interval":
        return mean_interval(rows)
    if "of" not in node:
        return Exact(len(rows))
    kind = row_kind(node["of"], columns)
    if function == "latest":
        value = rows[-1].value(node["of"]) if rows else None
        return None if isinstance(value, float) and not math.isfinite(value) else leaving(value, kind)
    values = [value for row in rows if (value := row.value(node["of"])) is not None]
    if any(isinstance(value, float) and not math.isfinite(value) for value in values):
        return None
    if function == "count":
        return Exact(len(values))
    if function == "count_distinct":
        return Exact(len(set(values)))
    if not values:
        return None
    if function == "last_n":
        return [leaving(value, kind) for value in values[-node["parameter"] :]]
    if function == "quantile":
        return leaving(quantile(values, node["parameter"]), kind)
    if function in CALCULATED:
        return CALCULATED[function](values)
    return total(values, kind) if function == "sum" else leaving(CHOSEN[function](values), kind)


def admitted(node: dict, rows: list[Row], t: int) -> list[Row]:
    """The rows inside the window for which `where` is true."""
    if "window_us" in node:
        edge = t - node["window_us"]
        if "hop_us" in node:
            edge = edge // node["hop_us"] * node["hop_us"]
        rows = [row for row in rows if row.event_time > edge]
    if "where" in node:
        rows = [row for row in rows if row.value(node["where"]) is True]
    return rows


def mean_interval(rows: list[Row]) -> float | None:
    if len(rows) < 2:
        return None
    return float(Fraction(rows[-1].event_time - rows[0].event_time, (len(rows) - 1) * MILLION))


def total(values: list, kind: str) -> Any:
    """The exact sum: an integer of integers, else a double that is rounded once."""
    if kind == "float64":
        return sum_of_floats(values)
    unscaled = sum(value.unscaled for value in values)
    return Exact(unscaled) if kind == "int64" else float(Fraction(unscaled, 10 ** scale_of(kind)))


def sum_of_floats(values: list[float]) -> float | None:
    """The correctly rounded sum; None if it is beyond the largest double."""
    units = 0
    for value in values:
        numerator, denominator = value.as_integer_ratio()
        units += numerator * (UNIT // denominator)
    try:
        # The quotient of two integers is correctly rounded.
        return units / UNIT
    except OverflowError:
        return None


def mean(values: list) -> float | None:
    if isinstance(values[0], float):
        rounded = sum_of_floats(values)
        return None if rounded is None else rounded / len(values)
    return float(Fraction(sum(value.unscaled for value in values), len(values) * 10 ** values[0].scale))


def variance(values: list) -> float | None:
    """Of a sample: divided by one less than there are values."""
    if len(values) < 2:
        return None
    if isinstance(values[0], float):
        return variance_of_floats(values)
    count, unit = len(values), 10 ** values[0].scale
    unscaled = [value.unscaled for value in values]
    # The sum of squared distances from the mean, times the count.
    spread = count * sum(x * x for x in unscaled) - sum(unscaled) ** 2
    return float(Fraction(spread, count * (count - 1) * unit * unit))


def variance_of_floats(values: list[float]) -> float | None:
    middle = mean(values)
    if middle is None:
        return None
    squares = [(value - middle) * (value - middle) for value in values]
    spread = sum_of_floats(squares) if all(map(math.isfinite, squares)) else None
    return None if spread is None else spread / (len(values) - 1)


def deviation(values: list) -> float | None:
    spread = variance(values)
    return None if spread is None else math.sqrt(spread)


def quantile(values: list, millionths: int) -> Any:
    """The smallest value that at least this share of the values does not exceed."""
    rank = max(1, math.ceil(Fraction(millionths * len(values), MILLION)))
    return sorted(values, key=comparable)[rank - 1]


def most_frequent(values: list) -> Any:
    counts = Counter(values)
    most = max(counts.values())
    return min((value for value, count in counts.items() if count == most), key=comparable)


CALCULATED = {"mean": mean, "variance": variance, "std": deviation}
CHOSEN = {
    "min": lambda values: min(values, key=comparable),
    "max": lambda values: max(values, key=comparable),
    "most_frequent": most_frequent,
    "first": lambda values: values[0],
    "last": lambda values: values[-1],
}
