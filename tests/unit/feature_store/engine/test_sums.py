"""Sums that follow moves, compared with Python's unbounded integers and fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mlinfra_assets.feature_store.engine import sums

finite = st.floats(allow_nan=False, allow_infinity=False)
hard = st.sampled_from(
    [1e16, -1e16, 1.0, 2.0**-53, -(2.0**-53), 2.0**-106, 5e-324, -5e-324, 1e308, -1e308, 0.1, 1.7e308, 2.0**-1022]
)


def moves(steps: list[list[int]]):
    """Rows to come in (i) and to fall out (~i) at each question."""
    rows = np.array([row for step in steps for row in step], np.int64)
    bounds = np.concatenate([[0], np.cumsum([len(step) for step in steps])]).astype(np.int64)
    fresh = np.zeros(len(steps), np.uint8)
    fresh[0] = 1
    return rows, bounds, fresh


def sliding(count: int, width: int):
    """A window of `width` rows that slides over `count` rows, one a question."""
    steps = [[i] + ([~(i - width)] if i >= width else []) for i in range(count)]
    return moves(steps), [range(max(0, i + 1 - width), i + 1) for i in range(count)]


def double(total: Fraction) -> float:
    try:
        return float(total)
    except OverflowError:
        return math.inf if total > 0 else -math.inf


@given(st.lists(st.one_of(finite, hard), min_size=1, max_size=30), st.integers(1, 8))
@settings(deadline=None)
def test_a_sum_of_doubles_in_a_sliding_window_is_rounded_once(values, width):
    path, windows = sliding(len(values), width)
    counts, totals = sums.sum_floats(*path, np.ones(len(values), np.uint8), np.array(values))
    for p, window in enumerate(windows):
        expected = double(sum((Fraction(values[i]) for i in window), Fraction(0)))
        assert counts[p] == len(window)
        assert (totals[p], math.copysign(1, totals[p])) == (expected, math.copysign(1, expected or 0.0))


@given(st.lists(st.sampled_from([2.0**k * s for k in range(-60, 60, 7) for s in (1.0, -1.0)]), min_size=1, max_size=40))
@settings(deadline=None)
def test_a_tie_goes_to_the_even_double(values):
    path, windows = sliding(len(values), 6)
    _, totals = sums.sum_floats(*path, np.ones(len(values), np.uint8), np.array(values))
    assert totals.tolist() == [float(sum(Fraction(values[i]) for i in window)) for window in windows]


int64 = st.one_of(st.integers(-(2**63), 2**63 - 1), st.sampled_from([2**63 - 1, -(2**63), 0, -1]))


@given(st.lists(int64, min_size=1, max_size=30), st.integers(1, 8))
@settings(deadline=None)
def test_integers_are_summed_in_128_bits(values, width):
    path, windows = sliding(len(values), width)
    counts, lows, highs = sums.sum_integers(*path, np.ones(len(values), np.uint8), np.array(values, np.int64))
    for p, window in enumerate(windows):
        assert counts[p] == len(window)
        assert (int(highs[p]) << 64) + int(lows[p]) == sum(values[i] for i in window)


@given(st.lists(int64, min_size=1, max_size=20), st.integers(1, 2))
@settings(deadline=None)
def test_squares_are_summed_in_128_bits(values, width):
    path, windows = sliding(len(values), width)
    whole = [value // 2 for value in values]
    lows, highs = sums.sum_squares(*path, np.ones(len(values), np.uint8), np.array(whole, np.int64))
    for p, window in enumerate(windows):
        assert (int(highs[p]) << 64) + int(lows[p]) == sum(whole[i] ** 2 for i in window)


@given(st.lists(st.one_of(finite, hard), min_size=2, max_size=20), st.one_of(finite, st.just(0.5)))
@settings(deadline=None)
def test_squared_deviations_are_summed_and_rounded_once(values, mean):
    squares = [(value - mean) * (value - mean) for value in values]
    expected = math.inf
    if all(map(math.isfinite, squares)):
        expected = double(sum(map(Fraction, squares), Fraction(0)))
    rows, begins = np.arange(len(values)), np.array([0, len(values)])
    assert sums.sum_squared_deviations(rows, begins, np.array(values), np.array([mean])).tolist() == [expected]


def test_a_row_without_a_value_or_with_nan_is_no_part_of_a_sum():
    path = moves([[0, 1, 2], [~1]])
    state = np.array([1, 0, 2], np.uint8)
    assert [a.tolist() for a in sums.count(*path, state)] == [[1, 1], [1, 1]]
    assert sums.sum_floats(*path, state, np.array([0.5, 7.0, math.nan]))[1].tolist() == [0.5, 0.5]
