"""Operators on strings, on values worked out by hand."""

from __future__ import annotations

import pytest

from mlinfra_assets.feature_store.engine.operators import apply
from tests.support.vectors import calculated, values, vector

EMOJI = "\U0001f600"


@pytest.mark.parametrize(
    ("operator", "given", "wanted"),
    [
        ("lower", ["", "AbC", "É", "ΑΣ", None], ["", "abc", "é", "ας", None]),
        ("upper", ["", "AbC", "ß", EMOJI, None], ["", "ABC", "SS", EMOJI, None]),
        ("strip", ["", " ", "\t a b\n", "\u00a0x\u2003", None], ["", "", "a b", "x", None]),
    ],
)
def test_a_string_becomes_another(operator, given, wanted):
    assert calculated(operator, ("string", given)) == ("string", wanted)
    assert calculated(operator, ("string", [])) == ("string", [])
    assert calculated(operator, ("string", [None])) == ("string", [None])


def test_strings_that_become_equal_are_one():
    found = apply("lower", [vector("string", ["A", "a", "B", "A"])])
    assert found.dictionary == ("a", "b")
    assert values(found) == ["a", "a", "b", "a"]


def test_the_order_of_strings_is_found_again():
    assert calculated("lower", ("string", ["B", "a"]))[1] == ["b", "a"]
    assert calculated("lt", ("string", ["\uffff"]), ("string", [EMOJI])) == ("boolean", [True])


def test_length_counts_code_points():
    assert calculated("length", ("string", ["", "é", "e\u0301", EMOJI + "a", None])) == ("int64", [0, 1, 2, 2, None])
    assert calculated("length", ("string", [])) == ("int64", [])


@pytest.mark.parametrize(
    ("operator", "part", "wanted"),
    [
        ("contains", "b", [False, True, False, False, None]),
        ("contains", "", [True, True, True, True, None]),
        ("starts_with", "a", [False, True, False, False, None]),
        ("ends_with", EMOJI, [False, False, True, False, None]),
        ("ends_with", "b", [False, False, False, False, None]),
    ],
)
def test_a_constant_is_looked_for(operator, part: str, wanted):
    texts = ["", "abc", "x" + EMOJI, "A", None]
    assert calculated(operator, ("string", texts), ("string", [part] * 5)) == ("boolean", wanted)
    assert calculated(operator, ("string", []), ("string", [])) == ("boolean", [])


def test_strings_are_joined_unless_one_is_null():
    assert calculated(
        "concat", ("string", ["a", "", None, EMOJI]), ("string", ["b", "", "b", "b"]), ("string", ["c", "", "c", "a"])
    ) == ("string", ["abc", "", None, EMOJI + "ba"])
    assert calculated("concat", ("string", ["a", None])) == ("string", ["a", None])
    assert calculated("concat", ("string", []), ("string", [])) == ("string", [])


@pytest.mark.parametrize(
    ("start", "length", "wanted"),
    [
        (0, 2, ["ab", EMOJI + "x", "", None]),
        (1, 1, ["b", "x", "", None]),
        (2, 5, ["c", "", "", None]),
        (0, 0, ["", "", "", None]),
        (2**62, 2**62, ["", "", "", None]),
    ],
)
def test_a_part_is_cut_by_code_points(start: int, length: int, wanted):
    texts = ["abc", EMOJI + "x", "", None]
    constants = [("int64", [start] * 4), ("int64", [length] * 4)]
    assert calculated("substring", ("string", texts), *constants) == ("string", wanted)
    assert calculated("substring", ("string", []), ("int64", []), ("int64", [])) == ("string", [])
