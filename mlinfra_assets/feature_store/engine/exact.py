"""Arithmetic without a wrong last bit: 64-bit integers that never wrap, quotients rounded once."""

from __future__ import annotations

import numpy as np

from mlinfra_assets.feature_store.errors import FeatureOverflowError

EXACT_DOUBLE = 2**53
"""Up to here every integer is a double."""

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def add(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Left + right.

    Raises:
        FeatureOverflowError: A sum does not fit in 64 bits.
    """
    result = left + right
    _refuse(((left ^ result) & (right ^ result)) < 0, "+", left, right)
    return result


def subtract(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Left - right.

    Raises:
        FeatureOverflowError: A difference does not fit in 64 bits.
    """
    result = left - right
    _refuse(((left ^ right) & (left ^ result)) < 0, "-", left, right)
    return result


def multiply(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Left * right.

    Raises:
        FeatureOverflowError: A product does not fit in 64 bits.
    """
    # A product whose double is below 2**62 fits; of the few others each is looked at.
    close = np.abs(left.astype(np.float64) * right.astype(np.float64)) >= 2.0**62
    result = left * right
    if close.any():
        wraps = [not INT64_MIN <= int(a) * int(b) <= INT64_MAX for a, b in zip(left[close], right[close], strict=True)]
        _refuse(np.array(wraps), "*", left[close], right[close])
    return result


def rescale(values: np.ndarray, digits: int) -> np.ndarray:
    """Values * 10 ** digits.

    Raises:
        FeatureOverflowError: A product does not fit in 64 bits.
    """
    return values if digits == 0 else multiply(values, np.full(len(values), 10**digits, np.int64))


def divide(numerator: np.ndarray, denominator: np.ndarray, shift: int = 0) -> np.ndarray:
    """The correctly rounded doubles of numerator * 10 ** shift / denominator; 0.0 where the denominator is 0.

    Args:
        numerator: int64[n].
        denominator: int64[n].
        shift: Negative to scale the denominator up instead.
    """
    result = np.zeros(len(numerator), np.float64)
    up, down = 10 ** max(shift, 0), 10 ** max(-shift, 0)
    usable = denominator != 0
    plain = usable & _within(numerator, EXACT_DOUBLE // up) & _within(denominator, EXACT_DOUBLE // down)
    np.divide(numerator * float(up), denominator * float(down), out=result, where=plain)
    for i in np.flatnonzero(usable & ~plain):
        result[i] = (int(numerator[i]) * up) / (int(denominator[i]) * down)
    # Exact numbers have no negative zero: adding zero turns 0 / -1 into zero and changes nothing else.
    return result + 0.0


def to_double(values: np.ndarray, scale: int) -> np.ndarray:
    """The correctly rounded doubles of values / 10 ** scale."""
    return values.astype(np.float64) if scale == 0 else divide(values, np.ones(len(values), np.int64), -scale)


def mean(total: int, count: int, scale: int) -> float:
    """The correctly rounded double of total / (count * 10 ** scale), for a total of any size."""
    return total / (count * 10**scale)


def variance(count: int, total: int, squares: int, scale: int) -> float:
    """The correctly rounded sample variance of `count` numbers, two or more, of this sum and sum of squares."""
    return (count * squares - total * total) / (count * (count - 1) * 100**scale)


def variances(
    counts: np.ndarray, total: np.ndarray, squares: np.ndarray, fit: np.ndarray, scale: int
) -> tuple[np.ndarray, np.ndarray]:
    """As `variance`, for many at once: the results, and for which (bool[n]) it takes larger integers than doubles hold.

    Args:
        counts: int64[n].
        total: int64[n], the sums.
        squares: int64[n], the sums of squares.
        fit: bool[n], whether the two sums are the whole sums.
        scale: Digits after the point of the numbers.
    """
    number = counts.astype(np.float64)
    left, right = number * squares, np.square(total.astype(np.float64))
    below = number * (number - 1) * 100.0**scale
    small = fit & (left < EXACT_DOUBLE) & (right < EXACT_DOUBLE) & (below < EXACT_DOUBLE)
    found = np.divide(left - right, below, out=np.zeros(len(counts)), where=small & (counts > 1))
    return found, ~small


def _within(values: np.ndarray, limit: int) -> np.ndarray:
    return (values <= limit) & (values >= -limit)


def _refuse(wrapped: np.ndarray, sign: str, left: np.ndarray, right: np.ndarray) -> None:
    if wrapped.any():
        i = int(np.flatnonzero(wrapped)[0])
        raise FeatureOverflowError(
            f"{left[i]} {sign} {right[i]} does not fit in 64 bits: calculate with to_float(), or with fewer digits"
        )
