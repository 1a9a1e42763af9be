"""Operators on numbers, conditions and what is chosen, on values worked out by hand."""

from __future__ import annotations

import math

import pytest

from mlinfra_assets.feature_store.errors import DefinitionError, FeatureOverflowError
from tests.support.vectors import calculated

LEAST, MOST = -(2**63), 2**63 - 1


@pytest.mark.parametrize(
    ("operator", "kind", "given", "wanted_kind", "wanted"),
    [
        ("abs", "int64", [3, -3, 0, MOST, -MOST, None], "int64", [3, 3, 0, MOST, MOST, None]),
        ("abs", "decimal(2)", [-150, 150, None], "decimal(2)", [150, 150, None]),
        ("abs", "float64", [-0.5, 0.5, -math.inf, None], "float64", [0.5, 0.5, math.inf, None]),
        ("floor", "int64", [MOST, LEAST, None], "int64", [MOST, LEAST, None]),
        ("ceil", "int64", [MOST, LEAST, None], "int64", [MOST, LEAST, None]),
        ("floor", "decimal(2)", [150, -150, 100, -100, -1, LEAST], "int64", [1, -2, 1, -1, -1, -92233720368547759]),
        ("ceil", "decimal(2)", [150, -150, 100, -100, 1, MOST], "int64", [2, -1, 1, -1, 1, 92233720368547759]),
        ("floor", "float64", [1.5, -1.5, 1e300, -math.inf, None], "float64", [1.0, -2.0, 1e300, -math.inf, None]),
        ("ceil", "float64", [1.5, -1.5, 1e300, None], "float64", [2.0, -1.0, 1e300, None]),
        ("not", "boolean", [True, False, None], "boolean", [False, True, None]),
        ("is_null", "string", ["", None], "boolean", [False, True]),
    ],
)
def test_operators_of_one_value(operator, kind, given, wanted_kind, wanted):
    assert calculated(operator, (kind, given)) == (wanted_kind, wanted)
    assert calculated(operator, (kind, [])) == (wanted_kind, [])


def test_the_smallest_integer_has_no_magnitude():
    for kind in ("int64", "decimal(3)"):
        with pytest.raises(FeatureOverflowError, match="-9223372036854775808 does not fit in 64 bits"):
            calculated("abs", (kind, [1, LEAST]))


def test_not_a_number_stays_what_it_is_in_a_row():
    _, (magnitude, infinite) = calculated("abs", ("float64", [math.nan, -math.inf]))
    assert math.isnan(magnitude)
    assert infinite == math.inf


def test_a_condition_chooses_and_a_null_one_chooses_nothing():
    condition = ("boolean", [True, False, None, True, False])
    assert calculated("if_else", condition, ("int64", [1, 2, 3, None, 5]), ("int64", [10, 20, 30, 40, None])) == (
        "int64",
        [1, 20, None, None, None],
    )
    assert calculated("if_else", condition, ("string", ["b"] * 5), ("string", ["a"] * 5)) == (
        "string",
        ["b", "a", None, "b", "a"],
    )


def test_both_sides_of_a_condition_meet_in_one_type():
    assert calculated("if_else", ("boolean", [True, False]), ("int64", [1, 1]), ("decimal(2)", [250, 250])) == (
        "decimal(2)",
        [100, 250],
    )
    assert calculated("if_else", ("boolean", [True, False]), ("int64", [1, 1]), ("float64", [2.5, 2.5])) == (
        "float64",
        [1.0, 2.5],
    )


def test_what_is_not_chosen_is_not_converted():
    assert calculated("if_else", ("boolean", [False]), ("int64", [MOST]), ("decimal(2)", [250])) == (
        "decimal(2)",
        [250],
    )
    assert calculated("coalesce", ("decimal(2)", [250]), ("int64", [MOST])) == ("decimal(2)", [250])
    with pytest.raises(FeatureOverflowError):
        calculated("if_else", ("boolean", [True]), ("int64", [MOST]), ("decimal(2)", [250]))


def test_the_first_value_that_is_there_is_taken():
    assert calculated("coalesce", ("string", [None, "b", None]), ("string", ["a", "c", None])) == (
        "string",
        ["a", "b", None],
    )
    assert calculated("coalesce", ("int64", [None, 1]), ("float64", [0.5, 9.0]), ("int64", [3, 3])) == (
        "float64",
        [0.5, 1.0],
    )


@pytest.mark.parametrize(
    ("kind", "given", "boundaries", "wanted"),
    [
        ("int64", [0, 1, 5, 9, MOST, LEAST, None], [("int64", 1), ("int64", 9)], [0, 1, 1, 2, 2, 0, None]),
        ("float64", [0.1, math.inf, -math.inf, None], [("decimal(1)", 1), ("int64", 2)], [1, 2, 0, None]),
        ("float64", [math.nan], [("int64", 0)], [0]),
        ("decimal(2)", [149, 150, 151], [("float64", 1.5)], [0, 1, 1]),
        (
            "string",
            ["", "a", "b", "é", "\uffff", "\U0001f600", None],
            [("string", "a"), ("string", "\U0001f600")],
            [0, 1, 1, 1, 1, 2, None],
        ),
        ("date", [-1, 0, 1], [("date", 0)], [0, 1, 1]),
        ("timestamp", [-1, 0, None], [("timestamp", 0)], [0, 1, None]),
    ],
)
def test_a_bucket_is_the_number_of_boundaries_that_are_reached(kind, given, boundaries, wanted):
    constants = [(type_, [value] * len(given)) for type_, value in boundaries]
    assert calculated("bucket", (kind, given), *constants) == ("int64", wanted)
    assert calculated("bucket", (kind, []), *((type_, []) for type_, _ in boundaries)) == ("int64", [])


def test_operands_that_do_not_fit_are_refused_here_too():
    with pytest.raises(DefinitionError, match="lower of int64: it takes strings"):
        calculated("lower", ("int64", [1]))
