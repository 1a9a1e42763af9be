"""Exact arithmetic, compared with Python's unbounded integers and fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlinfra_assets.feature_store.engine import exact, kernels
from mlinfra_assets.feature_store.errors import FeatureOverflowError

int64 = st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-(10**6), 10**6))
OPERATIONS = {exact.add: int.__add__, exact.subtract: int.__sub__, exact.multiply: int.__mul__}


def one(value) -> np.ndarray:
    return np.array([value])


@pytest.mark.parametrize("operation", OPERATIONS)
@given(int64, int64)
def test_integers_are_exact_or_refused(operation, a, b):
    expected = OPERATIONS[operation](a, b)
    if -(2**63) <= expected < 2**63:
        assert operation(one(a), one(b)).tolist() == [expected]
    else:
        with pytest.raises(FeatureOverflowError, match="does not fit in 64 bits"):
            operation(one(a), one(b))


@given(int64, int64, st.integers(-18, 18))
def test_a_quotient_is_rounded_once(a, b, shift):
    expected = 0.0 if b == 0 else float(Fraction(a) * Fraction(10) ** shift / b)
    assert exact.divide(one(a), one(b), shift).tolist() == [expected]


@given(int64, st.integers(0, 18))
def test_a_decimal_becomes_the_nearest_double(a, scale):
    assert exact.to_double(one(a), scale).tolist() == [float(Fraction(a, 10**scale))]


finite = st.floats(allow_nan=False, allow_infinity=False)
hard = st.sampled_from([1e16, -1e16, 1.0, 2.0**-53, -(2.0**-53), 2.0**-106, 5e-324, 1e308, -1e308, 0.1, 1.7e308])


@given(st.lists(st.one_of(finite, hard), max_size=30))
@settings(deadline=None)
def test_a_sum_of_doubles_is_rounded_once(values):
    try:
        expected = float(sum(map(Fraction, values), Fraction(0)))
    except OverflowError:
        expected = None
    assert exact.sum_of_floats(np.array(values, np.float64)) == expected
    nothing, one_probe = np.zeros(0, np.int64), np.zeros(1, np.int64)
    known, state, high = np.zeros(len(values), np.int64), np.ones(len(values), np.uint8), np.array([len(values)])
    sums, counts, outcomes = kernels.sum_floats(
        known, state, np.array(values, np.float64), nothing, nothing, nothing, one_probe, high, one_probe, one_probe
    )
    assert counts[0] == len(values)
    if outcomes[0] == kernels.FOUND:
        assert (sums[0], math.copysign(1, sums[0])) == (expected, math.copysign(1, expected or 0.0))
    else:
        assert outcomes[0] == kernels.NOTHING if not values else max(map(abs, values)) >= 2.0**1000
