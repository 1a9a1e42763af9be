"""Counts and exact sums that follow moves: integers in 128 bits, doubles in an accumulator that loses nothing.

A row's state: 0, it has no value; 1, it has one; 2, its value is NaN or infinite.
"""

from __future__ import annotations

import math
from typing import Any, TypeAlias

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled, compiled_part

Number: TypeAlias = Any  # of NumPy or of Python: compiled they are one

LIMBS = 72
"""Of 32 bits each, from 2 ** -1074 up: room for every double, and for 2 ** 63 of the largest."""

CARRY_AFTER = 1 << 29
"""Additions after which limbs are carried, well before one could overflow."""

_LOW = np.int64(0xFFFF_FFFF)


@compiled
def count(moved: np.ndarray, bounds: np.ndarray, fresh: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """At each question the number of values (int64[n]) and of those that are not finite (int64[n])."""
    counts = np.zeros(len(fresh), np.int64)
    strange = np.zeros(len(fresh), np.int64)
    number = np.int64(0)
    bad = np.int64(0)
    for p in range(len(fresh)):
        if fresh[p]:
            number = np.int64(0)
            bad = np.int64(0)
        for m in range(bounds[p], bounds[p + 1]):
            i = moved[m]
            if i >= 0:
                number += state[i] == 1
                bad += state[i] == 2
            else:
                number -= state[~i] == 1
                bad -= state[~i] == 2
        counts[p] = number
        strange[p] = bad
    return counts, strange


@compiled
def sum_integers(
    moved: np.ndarray, bounds: np.ndarray, fresh: np.ndarray, state: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """At each question the number of values, and their sum as 128 bits: low (uint64[n]) and high (int64[n])."""
    counts = np.zeros(len(fresh), np.int64)
    lows = np.zeros(len(fresh), np.uint64)
    highs = np.zeros(len(fresh), np.int64)
    number = np.int64(0)
    low = np.uint64(0)
    high = np.int64(0)
    for p in range(len(fresh)):
        if fresh[p]:
            number = np.int64(0)
            low = np.uint64(0)
            high = np.int64(0)
        for m in range(bounds[p], bounds[p + 1]):
            i = moved[m]
            if i >= 0:
                if state[i] == 1:
                    number += 1
                    part = np.uint64(values[i])
                    low = np.uint64(low + part)
                    high += (values[i] >> 63) + np.int64(low < part)
            elif state[~i] == 1:
                number -= 1
                part = np.uint64(values[~i])
                high -= (values[~i] >> 63) + np.int64(low < part)
                low = np.uint64(low - part)
        counts[p] = number
        lows[p] = low
        highs[p] = high
    return counts, lows, highs


@compiled
def sum_squares(
    moved: np.ndarray, bounds: np.ndarray, fresh: np.ndarray, state: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """At each question the sum of the squares as 128 bits: low (uint64[n]) and high (int64[n]).

    The caller sees to it that no sum can reach 2 ** 127.
    """
    lows = np.zeros(len(fresh), np.uint64)
    highs = np.zeros(len(fresh), np.int64)
    low = np.uint64(0)
    high = np.int64(0)
    half = np.uint64(32)
    mask = np.uint64(0xFFFF_FFFF)
    for p in range(len(fresh)):
        if fresh[p]:
            low = np.uint64(0)
            high = np.int64(0)
        for m in range(bounds[p], bounds[p + 1]):
            i = moved[m] if moved[m] >= 0 else ~moved[m]
            if state[i] != 1:
                continue
            size = np.uint64(values[i] if values[i] >= 0 else -values[i])
            upper = np.uint64(size >> half)
            lower = np.uint64(size & mask)
            cross = np.uint64(upper * lower)
            square_low = np.uint64(size * size)
            square_high = np.uint64(upper * upper) + np.uint64(cross >> np.uint64(31))
            # The low halves of both crosses and the top of the low square carry at most two.
            middle = np.uint64((cross & np.uint64(0x7FFF_FFFF)) << np.uint64(1)) + np.uint64(
                np.uint64(lower * lower) >> half
            )
            square_high = np.uint64(square_high + np.uint64(middle >> half))
            if moved[m] >= 0:
                low = np.uint64(low + square_low)
                high += np.int64(square_high) + np.int64(low < square_low)
            else:
                high -= np.int64(square_high) + np.int64(low < square_low)
                low = np.uint64(low - square_low)
        lows[p] = low
        highs[p] = high
    return lows, highs


@compiled
def sum_floats(
    moved: np.ndarray, bounds: np.ndarray, fresh: np.ndarray, state: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """At each question the number of values and their correctly rounded sum (float64[n]; infinite beyond a double).

    Values are added to, and taken from, one fixed-point number that is wide enough for every double, after Kulisch,
    "Computer Arithmetic and Validity", 2008; it is rounded once for each question, half to even.
    """
    counts = np.zeros(len(fresh), np.int64)
    totals = np.zeros(len(fresh), np.float64)
    limbs = np.zeros(LIMBS, np.int64)
    digits = np.zeros(LIMBS, np.int64)
    number = np.int64(0)
    least = LIMBS
    most = -1
    since = 0
    for p in range(len(fresh)):
        if fresh[p]:
            number = np.int64(0)
            for j in range(least, most + 1):
                limbs[j] = 0
            least = LIMBS
            most = -1
            since = 0
        for m in range(bounds[p], bounds[p + 1]):
            i = moved[m] if moved[m] >= 0 else ~moved[m]
            if state[i] != 1:
                continue
            sign = 1 if moved[m] >= 0 else -1
            number += sign
            place = _accumulate(limbs, values[i], sign)
            if place >= 0:
                least = min(least, place)
                most = max(most, min(place + 2, LIMBS - 1))
            since += 1
            if since >= CARRY_AFTER:
                most = _carry(limbs, least, most)
                since = 0
        counts[p] = number
        totals[p] = _rounded(limbs, digits, least, most)
    return counts, totals


@compiled
def sum_squared_deviations(rows: np.ndarray, begins: np.ndarray, values: np.ndarray, means: np.ndarray) -> np.ndarray:
    """The correctly rounded sums (float64[n]) of (x - mean) * (x - mean), each such product rounded as a double.

    Args:
        rows: int64[m], row numbers.
        begins: int64[n + 1]: those of sum p are rows[begins[p]:begins[p + 1]].
        values: float64[rows].
        means: float64[n], finite.
    """
    totals = np.zeros(len(means), np.float64)
    limbs = np.zeros(LIMBS, np.int64)
    digits = np.zeros(LIMBS, np.int64)
    for p in range(len(means)):
        least = LIMBS
        most = -1
        beyond = False
        for m in range(begins[p], begins[p + 1]):
            deviation = values[rows[m]] - means[p]
            square = deviation * deviation
            if not math.isfinite(square):
                beyond = True
                break
            place = _accumulate(limbs, square, 1)
            if place >= 0:
                least = min(least, place)
                most = max(most, min(place + 2, LIMBS - 1))
        totals[p] = math.inf if beyond else _rounded(limbs, digits, least, most)
        for j in range(least, most + 1):
            limbs[j] = 0
    return totals


@compiled_part
def _accumulate(limbs: np.ndarray, value: Number, sign: int) -> int:
    """Add (sign 1) or take away (sign -1) a finite double; the lowest limb touched, -1 for zero."""
    if value == 0.0:
        return -1
    fraction, exponent = math.frexp(value)
    if exponent < -1021:
        # A subnormal double has fewer than 53 digits: it is a multiple of 2 ** -1074.
        mantissa = np.int64(math.ldexp(value, 1074))
        place = 0
        shift = 0
    else:
        mantissa = np.int64(fraction * 9007199254740992.0)
        place = (exponent + 1021) >> 5
        shift = (exponent + 1021) & 31
    if mantissa < 0:
        mantissa = -mantissa
        sign = -sign
    low = mantissa & _LOW
    high = mantissa >> 32
    first = low << shift
    second = high << shift
    limbs[place] += sign * (first & _LOW)
    limbs[place + 1] += sign * ((first >> 32) + (second & _LOW))
    limbs[place + 2] += sign * (second >> 32)
    return place


@compiled_part
def _carry(limbs: np.ndarray, least: int, most: int) -> int:
    """Bring every limb but the last below 2 ** 32; the highest limb in use."""
    carry = np.int64(0)
    j = least
    while j < LIMBS - 1 and (j <= most or carry != 0):
        whole = limbs[j] + carry
        if j >= most and (whole >> 32 == 0 or whole >> 32 == -1):
            limbs[j] = whole
            return max(most, j)
        limbs[j] = whole & _LOW
        carry = whole >> 32
        j += 1
    limbs[j] += carry
    return max(most, j)


@compiled_part
def _rounded(limbs: np.ndarray, digits: np.ndarray, least: int, most: int) -> float:
    """The nearest double, a tie to the even one."""
    if most < 0:
        return 0.0
    sign = 1
    top = _digits(limbs, digits, least, most, sign)
    if top == -2:
        sign = -1
        top = _digits(limbs, digits, least, most, sign)
    if top < 0:
        return 0.0
    head = digits[top]
    bits = 0
    while head >> bits:
        bits += 1
    length = 32 * top + bits
    if length <= 53:
        whole = digits[0] + ((digits[1] << 32) if top >= 1 else 0)
        return sign * math.ldexp(float(whole), -1074)
    # The 53 leading digits, the next one, and whether anything but zeros follows.
    drop = length - 53
    place = drop >> 5
    shift = drop & 31
    kept = np.int64(0)
    for j in range(min(top, place + 2), place - 1, -1):
        digit = digits[j] if j >= least else np.int64(0)
        if j == place:
            kept = (kept << (32 - shift)) | (digit >> shift) if shift else (kept << 32) | digit
        else:
            kept = (kept << 32) | digit
    half = drop - 1
    digit = digits[half >> 5] if half >> 5 >= least else np.int64(0)
    if (digit >> (half & 31)) & 1:
        sticky = (digit & ((np.int64(1) << (half & 31)) - 1)) != 0
        j = (half >> 5) - 1
        while not sticky and j >= least:
            sticky = digits[j] != 0
            j -= 1
        if sticky or kept & 1:
            kept += 1
    return sign * math.ldexp(float(kept), drop - 1074)


@compiled_part
def _digits(limbs: np.ndarray, digits: np.ndarray, least: int, most: int, sign: int) -> int:
    """Write the number times the sign as digits from 0 to 2 ** 32 - 1; the highest that is not 0.

    -1 if the number is zero, -2 if it is negative.
    """
    for j in range(min(least, 2)):
        digits[j] = 0
    carry = np.int64(0)
    top = -1
    j = least
    while j <= most or (carry != 0 and carry != -1 and j < LIMBS):
        whole = carry + (sign * limbs[j] if j <= most else 0)
        digits[j] = whole & _LOW
        carry = whole >> 32
        if digits[j] != 0:
            top = j
        j += 1
    return -2 if carry < 0 else top
