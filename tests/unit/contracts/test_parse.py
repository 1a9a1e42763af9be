"""Values become the field's type exactly, or are violations."""

from __future__ import annotations

import struct
from decimal import Decimal
from fractions import Fraction

import orjson
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlinfra_assets.contracts.columns import typed_column
from mlinfra_assets.contracts.contract import Field
from mlinfra_assets.contracts.violation import Violation
from tests.support.declared import processed, reasons, stream_source

AT = "2011-01-01T00:00:00Z"
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=0).map(lambda _: ""),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
TYPES = ["string", "integer", "number", "decimal", "boolean", "timestamp", "date", "object"]


def parsed(kind: str, value: object, **options) -> object:
    """What a value becomes: itself in the field's type, or the name of the rule that it breaks."""
    field = Field("x", "X", kind, scale=options.pop("scale", 3 if kind == "decimal" else None), **options)  # pyright: ignore[reportArgumentType]
    column = typed_column(stream_source(field).contract, field, [value])
    return column.violations[0].rule if column.violations else column.series[0]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *[("17850.0", 17850), (17850.0, 17850), (17850, 17850), ("17850", 17850), ("-3", -3), ("017", 17)],
        *[(17850.5, "type"), ("17850.5", "type"), ("1e3", "type"), ("+1", "type"), ("\u0663", "type"), ("", "type")],
        *[(" 1", "type"), ("NaN", "type"), ("Infinity", "type"), (True, "type"), ([1], "type"), ({}, "type")],
        *[(2**63 - 1, 2**63 - 1), (2**63, "range"), (-(2**63), -(2**63)), (str(2**63), "range"), (1e300, "range")],
        *[("9" * 41, "type"), (Decimal("1e99"), "range"), (Decimal(9007199254740993), 9007199254740993)],
    ],
)
def test_integers(value: object, expected: object) -> None:
    assert parsed("integer", value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        *[
            (2.55, "2.550"),
            ("2.55", "2.550"),
            (2, "2.000"),
            (-11062.06, "-11062.060"),
            (0.001, "0.001"),
            ("1e2", "100"),
        ],
        *[(-0.0, "0.000"), (1e-3, "0.001"), (2.5500, "2.550"), ("2.5500000", "2.550")],
    ],
)
def test_decimals_are_exact(value: object, expected: str) -> None:
    assert parsed("decimal", value) == Decimal(expected)


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        *[(2.5555, "scale"), ("2.5555", "scale"), (1e-300, "scale"), (0.1 + 0.2, "scale"), ("1e-999", "scale")],
        *[(10**15, "range"), ("1e999", "range"), (1e20, "range"), ("NaN", "type"), ("-Infinity", "type"), ("", "type")],
        *[(float("nan"), "type"), (float("inf"), "type"), (True, "type"), ("1,5", "type"), ("0x1", "type")],
    ],
)
def test_what_is_no_decimal_of_this_scale_is_a_violation(value: object, rule: str) -> None:
    assert parsed("decimal", value) == rule


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**14), max_value=10**14))
def test_every_decimal_of_the_scale_survives_text_and_json(value: Decimal) -> None:
    assert parsed("decimal", str(value)) == value
    source = stream_source(Field("x", "X", "decimal", scale=3))
    found = processed(source, f'{{"X": {value}, "at": "{AT}"}}'.encode())
    assert found.valid["x"].to_list() == [value]


@settings(deadline=None)
@given(st.text("0123456789", min_size=1, max_size=40), st.text("0123456789", min_size=1, max_size=40))
def test_a_decimal_is_what_is_written_or_a_violation(whole: str, fraction: str) -> None:
    literal = f"{int(whole)}.{fraction}"
    exact = Fraction(literal)
    fits = (exact * 1000).denominator == 1 and exact < 10**15
    source = stream_source(Field("x", "X", "decimal", scale=3))
    found = processed(source, f'{{"X": {literal}, "at": "{AT}"}}'.encode())
    if fits:
        assert Fraction(found.valid["x"][0]) == exact
    else:
        assert reasons(found)[0][0] in {"x: scale", "x: range"}


@settings(deadline=None)
@given(st.integers(-(10**30), 10**30))
def test_an_integer_is_what_is_written_or_a_violation(value: int) -> None:
    source = stream_source(Field("x", "X", "integer"))
    found = processed(source, f'{{"X": {value}, "at": "{AT}"}}'.encode())
    if -(2**63) <= value < 2**63:
        assert found.valid["x"].to_list() == [value]
    else:
        assert reasons(found) == [["x: range"]]


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_bits(value: float) -> None:
    found = processed(stream_source(Field("x", "X", "number")), orjson.dumps({"X": value, "at": AT}))
    assert struct.pack("d", found.valid["x"][0]) == struct.pack("d", value)


def test_zero_and_negative_zero_stay_apart_in_one_column() -> None:
    field = Field("x", "X", "number")
    column = typed_column(stream_source(field).contract, field, [0.0, -0.0, 0])
    assert [str(v) for v in column.series] == ["0.0", "-0.0", "0.0"]


def test_equal_values_of_different_kinds_are_parsed_each_by_itself() -> None:
    field = Field("x", "X", "integer")
    column = typed_column(stream_source(field).contract, field, [1, True, 1.0, "1"])
    assert column.series.to_list() == [1, None, 1, 1]
    assert list(column.violations) == [1]


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        *[
            ("number", "NaN", "type"),
            ("number", "inf", "type"),
            ("number", 2**53 + 1, "range"),
            ("number", "1e999", "type"),
        ],
        *[("number", "2.5", 2.5), ("number", 3, 3.0), ("number", True, "type"), ("number", 10**400, "type")],
        *[("boolean", True, True), ("boolean", "false", False), ("boolean", 1, "type"), ("boolean", "yes", "type")],
        *[("string", "a\x00b", "NUL"), ("string", 5, "type"), ("string", "", ""), ("string", "é", "é")],
        *[("object", {"b": 0.1, "a": None}, '{"a":null,"b":0.1}'), ("object", "{}", "type"), ("object", [], "type")],
        *[("timestamp", 1293840000, "type"), ("timestamp", "yesterday", "format"), ("date", "2011-02-30", "format")],
        *[("timestamp", "0001-01-01T00:00:00+01:00", "format"), ("date", "0001-01-01", "range")],
    ],
)
def test_other_types(kind: str, value: object, expected: object) -> None:
    assert parsed(kind, value) == expected


def test_an_empty_text_is_null_where_the_field_says_so() -> None:
    assert parsed("string", "", empty_is_null=True) is None
    assert parsed("integer", "", empty_is_null=True) is None
    assert parsed("integer", "") == "type"


@pytest.mark.parametrize("kind", TYPES)
@settings(deadline=None, max_examples=50)
@given(values=st.lists(JUNK, max_size=5))
def test_nothing_makes_the_parser_fail(kind: str, values: list[object]) -> None:
    field = Field("x", "X", kind, scale=2 if kind == "decimal" else None)  # pyright: ignore[reportArgumentType]
    column = typed_column(stream_source(field).contract, field, values)
    assert column.series.dtype == field.polars_type()
    assert len(column.series) == len(values)
    assert all(isinstance(v, Violation) and len(v.value or "") <= 200 for v in column.violations.values())
    assert all(values[i] is None or column.series[i] is not None or i in column.violations for i in range(len(values)))


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=4))
def test_objects_keep_their_floats_exactly(values: list[float]) -> None:
    vector = {f"view:f{i}": v for i, v in enumerate(values)}
    found = processed(stream_source(Field("x", "X", "object")), orjson.dumps({"X": vector, "at": AT}))
    again = orjson.loads(found.valid["x"][0])
    assert [struct.pack("d", again[k]) for k in vector] == [struct.pack("d", v) for v in values]


def test_a_column_of_nothing_has_its_type() -> None:
    field = Field("x", "X", "decimal", scale=2)
    assert typed_column(stream_source(field).contract, field, []).series.dtype == pl.Decimal(18, 2)
