"""Exact arithmetic, compared with Python's unbounded integers and fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlinfra_assets.feature_store.engine import exact
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


@given(st.lists(st.integers(-(2**62), 2**62), min_size=2, max_size=20), st.integers(0, 6))
def test_a_variance_is_rounded_once(values, scale):
    numbers = [Fraction(value, 10**scale) for value in values]
    mean = sum(numbers) / len(numbers)
    expected = float(sum((number - mean) ** 2 for number in numbers) / (len(numbers) - 1))
    total, squares = sum(values), sum(value * value for value in values)
    assert exact.variance(len(values), total, squares, scale) == expected


@given(st.lists(st.integers(-(10**4), 10**4), min_size=2, max_size=20), st.integers(0, 3))
def test_many_variances_are_those_of_each(values, scale):
    total, squares = sum(values), sum(value * value for value in values)
    found, larger = exact.variances(one(len(values)), one(total), one(squares), one(True), scale)
    assert larger[0] or found[0] == exact.variance(len(values), total, squares, scale)
