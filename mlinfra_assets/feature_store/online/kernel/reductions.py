"""What the rows that count are reduced to: counts, exact sums, the places of chosen rows."""

from __future__ import annotations

import math

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled_part
from mlinfra_assets.feature_store.online.kernel.exactly import sum_floats
from mlinfra_assets.feature_store.online.kernel.memory import Number, as_float

COUNT, INTEGERS, FLOATS, SMALLEST, LARGEST, FIRST, LAST, DISTINCT, SQUARES, DEVIATIONS = range(10)
"""Kinds. `SQUARES` of integers; `DEVIATIONS` of doubles from their mean, squared, the sum in another reduction."""
_SUM_BITS = 4
"""Integers of as many bytes cannot add up beyond 64 bits."""
_HALF = 2**31


@compiled_part
def reduce_rows(
    kind: Number,
    low: Number,
    high: Number,
    mask: np.ndarray,
    whole: Number,
    values: np.ndarray,
    validity: np.ndarray,
    there: Number,
    width: Number,
    is_float: Number,
    mean: Number,
    scratch: np.ndarray,
    table: np.ndarray,
) -> tuple[bool, int, int, int, float]:
    """Reduce the rows from low to high (exclusive).

    Args:
        kind: Which reduction.
        low: The first row in the window.
        high: The first row behind it.
        mask: uint8[rows], whether a row counts.
        whole: Whether all rows up to `high` count.
        values: int64[rows], doubles as their bits; not looked at for kinds that need none.
        validity: uint8[rows], 1 for a value, 2 for a double that is not finite.
        there: Whether all rows have a value.
        width: Bytes that a value takes at most.
        is_float: Whether the values are doubles.
        mean: Of the values, for `DEVIATIONS`.
        scratch: float64[rows], overwritten.
        table: int64[a power of two, at least twice the rows], overwritten.

    Returns:
        Whether it could be done exactly; how many values there are, how many that are not finite; an integer: the sum,
        the number of different values, or the place of the row (-1: none); a double: the sum.
    """
    count = 0
    strange = 0
    found = -1
    total = 0.0
    if kind == COUNT:
        if whole and there:
            return True, max(high - low, 0), 0, 0, 0.0
        for i in range(low, high):
            if mask[i]:
                count += validity[i] == 1
                strange += validity[i] == 2
        return True, count, strange, 0, 0.0
    if kind == INTEGERS:
        found = 0
        if width <= _SUM_BITS:
            if whole and there:
                for i in range(low, high):
                    found += values[i]
                return True, max(high - low, 0), 0, found, 0.0
            for i in range(low, high):
                if mask[i] and validity[i] == 1:
                    count += 1
                    found += values[i]
            return True, count, 0, found, 0.0
        for i in range(low, high):
            if mask[i] and validity[i] == 1:
                count += 1
                before = found
                found = before + values[i]
                if ((before ^ found) & (values[i] ^ found)) < 0:
                    return False, 0, 0, 0, 0.0
        return True, count, 0, found, 0.0
    if kind == SQUARES:
        found = 0
        for i in range(low, high):
            if mask[i] and validity[i] == 1:
                if values[i] >= _HALF or values[i] <= -_HALF:
                    return False, 0, 0, 0, 0.0
                count += 1
                found += values[i] * values[i]
                if found < 0:
                    return False, 0, 0, 0, 0.0
        return True, count, 0, found, 0.0
    if kind == FLOATS or kind == DEVIATIONS:
        for i in range(low, high):
            if mask[i]:
                strange += validity[i] == 2
                if validity[i] == 1:
                    value = as_float(values[i])
                    if kind == DEVIATIONS:
                        deviation = value - mean
                        value = deviation * deviation
                        if not math.isfinite(value):
                            return False, 0, 0, 0, 0.0
                    scratch[count] = value
                    count += 1
        sure, total = sum_floats(scratch[:count])
        return sure, count, strange, 0, total
    if kind == DISTINCT:
        size = 4
        while size < 2 * (high - low):
            size <<= 1
        for slot in range(size):
            table[slot] = -1
        found = 0
        for i in range(low, high):
            if not mask[i]:
                continue
            strange += validity[i] == 2
            if validity[i] != 1:
                continue
            count += 1
            mixed = np.uint64(values[i]) * np.uint64(0x9E37_79B9_7F4A_7C15)
            slot = np.int64(mixed >> np.uint64(20)) & (size - 1)
            while table[slot] >= 0 and values[table[slot]] != values[i]:
                slot = (slot + 1) & (size - 1)
            if table[slot] < 0:
                table[slot] = i
                found += 1
        return True, count, strange, found, 0.0
    for i in range(low, high):
        if not mask[i]:
            continue
        strange += validity[i] == 2
        if validity[i] != 1:
            continue
        count += 1
        if kind == LAST or found < 0:
            found = i
        elif kind != FIRST:
            if is_float:
                less = as_float(values[i]) < as_float(values[found])
                more = as_float(values[i]) > as_float(values[found])
            else:
                less = values[i] < values[found]
                more = values[i] > values[found]
            if less if kind == SMALLEST else more:
                found = i
    return True, count, strange, found, 0.0
