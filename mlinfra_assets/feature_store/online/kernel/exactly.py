"""Arithmetic that is either exact, or rounded once, or said to be too hard: then the engine does it."""

from __future__ import annotations

import math

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled_part
from mlinfra_assets.feature_store.online.kernel.memory import Number

EXACT_DOUBLE = 2**53
CLOSE_TO_OVERFLOW = 2.0**62
_ROUNDINGS = 2.0**-51


@compiled_part
def sum_floats(values: np.ndarray) -> tuple[bool, Number]:
    """The correctly rounded sum of finite doubles, and whether it is certain to be that.

    The error of each addition is added up beside the sum, after Ogita, Rump, Oishi, "Accurate sum and dot product",
    2005; what is left unknown is bounded, and has to be too small to change the rounding.
    """
    high = 0.0
    low = 0.0
    errors = 0.0
    for value in values:
        total = high + value
        part = total - high
        error = (high - (total - part)) + (value - part)
        high = total
        low += error
        errors += abs(error)
    result = high + low
    part = result - high
    rest = (high - (result - part)) + (low - part)
    unknown = len(values) * errors * _ROUNDINGS
    sure = math.isfinite(result) and result + (rest + unknown) == result and result + (rest - unknown) == result
    return sure, result


@compiled_part
def add(left: Number, right: Number) -> tuple[bool, Number]:
    """Left + right, and whether it fits in 64 bits."""
    result = left + right
    return ((left ^ result) & (right ^ result)) >= 0, result


@compiled_part
def subtract(left: Number, right: Number) -> tuple[bool, Number]:
    """Left - right, and whether it fits in 64 bits."""
    result = left - right
    return ((left ^ right) & (left ^ result)) >= 0, result


@compiled_part
def multiply(left: Number, right: Number) -> tuple[bool, Number]:
    """Left * right, and whether it is certain to fit in 64 bits."""
    return abs(float(left) * float(right)) < CLOSE_TO_OVERFLOW, left * right


@compiled_part
def divide(numerator: Number, denominator: Number, up: Number, down: Number) -> tuple[bool, Number]:
    """Numerator * up / (denominator * down) rounded once, and whether it is; the denominator is not 0."""
    near = EXACT_DOUBLE // up
    below = EXACT_DOUBLE // down
    sure = -near <= numerator <= near and -below <= denominator <= below
    return sure, (float(numerator) * float(up)) / (float(denominator) * float(down)) + 0.0
