"""What becomes of a feature: counted to the last bit, with differences of numbers worked out by hand."""

from __future__ import annotations

from datetime import date

import polars as pl

from mlinfra_assets.feature_store.column_type import BOOLEAN, FLOAT64, INT64, STRING, ColumnType
from mlinfra_assets.preview.feature_change import compared, only_after, only_before

DAY = date(2011, 2, 1)
WORDS = ColumnType("list", element="string")


def at(count: int) -> pl.DataFrame:
    return pl.DataFrame({"customer_id": range(count), "day": [DAY] * count})


def floats(*values: float | None) -> pl.Series:
    return pl.Series("x", list(values), dtype=pl.Float64)


def test_numbers_differ_by_their_absolute_difference_where_both_are_there() -> None:
    before, after = floats(1.0, 2.0, None, 4.0, None), floats(1.0, 5.0, 3.0, None, None)

    found = compared("x", (FLOAT64, FLOAT64), before, after, at(5))

    assert (found.state, found.compared, found.changed, found.share) == ("changed", 5, 3, 0.6)
    assert (found.becomes_null, found.stops_being_null, found.nulls) == (1, 1, 2)
    assert (found.mean_difference, found.largest_difference) == (3.0, 3.0)


def test_the_largest_differences_are_the_examples() -> None:
    found = compared("x", (FLOAT64, FLOAT64), floats(0, 0, 0, 0, 0), floats(1, -9, 0, 3, 2), at(5))

    assert [(e.at["customer_id"], e.before, e.after) for e in found.examples] == [
        (1, 0.0, -9.0),
        (3, 0.0, 3.0),
        (4, 0.0, 2.0),
    ]
    assert found.examples[0].at["day"] == DAY
    assert found.mean_difference == 15 / 4


def test_one_bit_is_a_change_and_so_is_the_sign_of_zero() -> None:
    found = compared("x", (FLOAT64, FLOAT64), floats(0.1 + 0.2, 0.0), floats(0.3, -0.0), at(2))

    assert found.changed == 2
    assert found.mean_difference is not None


def test_the_same_values_are_the_same() -> None:
    found = compared("x", (FLOAT64, FLOAT64), floats(0.5, None), floats(0.5, None), at(2))

    assert (found.state, found.changed, found.mean_difference, found.examples) == ("same", 0, None, ())


def test_words_and_lists_are_compared_whole() -> None:
    words = (pl.Series(["a", "b", None]), pl.Series(["a", "c", "d"]))
    lists = (pl.Series([["a", "b"], ["a"], None]), pl.Series([["a", "b"], ["a", "a"], []], dtype=pl.List(pl.String)))

    assert compared("x", (STRING, STRING), *words, at(3)).changed == 2
    found = compared("x", (WORDS, WORDS), *lists, at(3))
    assert (found.changed, found.stops_being_null, found.mean_difference) == (2, 1, None)
    assert list(found.examples[0].after) == ["a", "a"]


def test_numbers_of_another_type_are_compared_by_value() -> None:
    found = compared("x", (INT64, FLOAT64), pl.Series([1, 2, 3]), floats(1.0, 2.5, 3.0), at(3))

    assert (found.state, found.changed, found.largest_difference) == ("changed", 1, 0.5)
    assert (found.before, found.after) == ("int64", "float64")


def test_the_same_numbers_of_another_type_are_a_change_of_type() -> None:
    found = compared("x", (INT64, FLOAT64), pl.Series([1]), floats(1.0), at(1))

    assert (found.state, found.changed) == ("changed", 0)


def test_a_number_is_never_the_same_as_a_word() -> None:
    found = compared("x", (INT64, STRING), pl.Series([1, None]), pl.Series(["1", None]), at(2))

    assert (found.changed, found.mean_difference) == (1, None)


def test_an_added_feature_shows_some_of_its_values() -> None:
    found = only_after("x", BOOLEAN, pl.Series([None, True, False]), at(3))

    assert (found.state, found.before, found.after, found.nulls) == ("added", None, "boolean", 1)
    assert [(e.at["customer_id"], e.after) for e in found.examples] == [(1, True), (2, False)]


def test_a_removed_feature_has_no_type_afterwards() -> None:
    found = only_before("x", INT64, pl.Series([1, None]))

    assert (found.state, found.before, found.after, found.nulls) == ("removed", "int64", None, 1)


def test_nothing_to_compare_is_no_change() -> None:
    found = compared("x", (FLOAT64, FLOAT64), floats(), floats(), at(0))

    assert (found.state, found.share) == ("same", 0.0)
