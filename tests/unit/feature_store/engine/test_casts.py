"""Casts, on values worked out by hand."""

from __future__ import annotations

import math

import pytest

from tests.support.vectors import calculated

LEAST, MOST = -(2**63), 2**63 - 1


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0", 0), ("7", 7), ("-7", -7), ("+7", 7), ("007", 7), ("-0", 0),
        ("9223372036854775807", MOST), ("9223372036854775808", None),
        ("-9223372036854775808", LEAST), ("-9223372036854775809", None),
        ("0" * 5000 + "12", 12), ("9" * 5000, None),
        ("", None), ("-", None), (" 7", None), ("7 ", None), ("7\n", None), ("7.0", None), ("1e3", None),
        ("1_000", None), ("٣", None), ("0x10", None), ("--7", None), ("none", None),
    ],
)  # fmt: skip
def test_a_text_is_an_integer_if_it_is_a_sign_and_digits(text: str, wanted: int | None):
    assert calculated("to_int", ("string", [text, None])) == ("int64", [wanted, None])


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0", 0.0), ("1.5", 1.5), ("-.5", -0.5), ("5.", 5.0), ("+1e3", 1000.0), ("1E-3", 0.001),
        ("0.1", 0.1), ("9007199254740993", 9007199254740992.0), ("1e999", math.inf), ("-1e999", -math.inf),
        ("", None), (".", None), ("1e", None), (" 1", None), ("1 ", None), ("nan", None), ("inf", None),
        ("1_000", None), ("1,5", None), ("0x1p3", None), ("٣", None),
    ],
)  # fmt: skip
def test_a_text_is_a_double_if_it_is_written_as_one(text: str, wanted: float | None):
    assert calculated("to_float", ("string", [text, None])) == ("float64", [wanted, None])


def test_a_negative_zero_keeps_its_sign_in_a_text():
    _, (zero,) = calculated("to_float", ("string", ["-0.0"]))
    assert math.copysign(1, zero) == -1


@pytest.mark.parametrize(
    ("kind", "given", "wanted"),
    [
        ("boolean", [True, False, None], [1, 0, None]),
        ("int64", [MOST, LEAST, None], [MOST, LEAST, None]),
        ("float64", [1.9, -1.9, -0.0, 9.2e18, None], [1, -1, 0, 9200000000000000000, None]),
        ("float64", [2.0**63, -(2.0**63), -(2.0**63) - 2048, 1e300], [None, LEAST, None, None]),
        ("float64", [math.nan, math.inf, -math.inf], [None, None, None]),
        ("decimal(2)", [199, -199, 200, -200, 99, -99, None], [1, -1, 2, -2, 0, 0, None]),
        ("decimal(2)", [MOST, LEAST], [92233720368547758, -92233720368547758]),
        ("decimal(0)", [5, -5], [5, -5]),
        ("decimal(18)", [10**18 + 1, -1], [1, 0]),
    ],
)
def test_numbers_become_integers_towards_zero(kind, given, wanted):
    assert calculated("to_int", (kind, given)) == ("int64", wanted)


@pytest.mark.parametrize(
    ("kind", "given", "wanted"),
    [
        ("boolean", [True, False, None], [1.0, 0.0, None]),
        ("int64", [2**53 + 1, None], [9007199254740992.0, None]),
        ("decimal(2)", [150, -1], [1.5, -0.01]),
    ],
)
def test_numbers_become_doubles(kind, given, wanted):
    assert calculated("to_float", (kind, given)) == ("float64", wanted)


@pytest.mark.parametrize(
    ("kind", "given", "wanted"),
    [
        ("string", ["", "a", None], ["", "a", None]),
        ("int64", [0, -7, MOST, LEAST, None], ["0", "-7", "9223372036854775807", "-9223372036854775808", None]),
        ("boolean", [True, False, None], ["true", "false", None]),
        ("decimal(2)", [150, -150, 5, -5, 0, None], ["1.50", "-1.50", "0.05", "-0.05", "0.00", None]),
        ("decimal(2)", [MOST, LEAST], ["92233720368547758.07", "-92233720368547758.08"]),
        ("decimal(18)", [1, LEAST], ["0.000000000000000001", "-9.223372036854775808"]),
        ("decimal(0)", [12, -12], ["12", "-12"]),
        ("date", [0, -1, 11016, 19782, None], ["1970-01-01", "1969-12-31", "2000-02-29", "2024-02-29", None]),
        (
            "timestamp",
            [0, -1, 1293840000000000, 1330473599999999, None],
            [
                "1970-01-01T00:00:00.000000Z",
                "1969-12-31T23:59:59.999999Z",
                "2011-01-01T00:00:00.000000Z",
                "2012-02-28T23:59:59.999999Z",
                None,
            ],
        ),
        ("timestamp", [253_402_300_800_000_000], ["10000-01-01T00:00:00.000000Z"]),
    ],
)
def test_what_becomes_text_is_written_one_way(kind, given, wanted):
    assert calculated("to_string", (kind, given)) == ("string", wanted)
    assert calculated("to_string", (kind, [])) == ("string", [])
