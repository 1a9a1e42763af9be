"""The judge itself, by examples worked out by hand."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from tests.support import reader
from tests.support.stored import aggregate, column, literal, operator, view

SECOND = 1_000_000
DAY = 86_400 * SECOND
COLUMNS = {
    "a": "int64", "c": "string", "p": "int64", "i": "int64", "d": "decimal(2)", "z": "decimal(0)", "f": "float64",
    "s": "string", "b": "boolean", "w": "timestamp", "e": "date", "gone": "boolean",
}  # fmt: skip
BIG = 2**63 - 1


def row(at: int, *, known: int | None = None, offset: int | None = None, a: int | None = 1, **cells: Any) -> dict:
    places = {"_partition": 0, "_offset": at if offset is None else offset, "_row": 0, "_release": None}
    times = {"_event_time": at, "_known_at": at if known is None else known, "_known_at_assumed": False}
    return {**dict.fromkeys(COLUMNS), "a": a, **cells, **places, **times, "_contract_version": "v1"}


def rows_of(name: str, *values: Any) -> list[dict]:
    """A row each second from 1 on."""
    return [row(SECOND * (n + 1), **{name: value}) for n, value in enumerate(values)]


def read(node: dict, rows: list[dict], *, at: int = DAY, k: int | None = None, entity: tuple = (1,), **options: Any):
    scorer, request = options.pop("scorer", None), options.pop("request", None)
    tables = options.pop("tables", None)
    definition = view({"x": node}, COLUMNS, **options)
    return reader.read(definition, rows, entity, at, at if k is None else k, scorer, request, tables)["x"]


def of(function: str, name: str, *values: Any, **options: Any) -> Any:
    return read(aggregate(function, column(name), **options), rows_of(name, *values))


def constant(value: Any) -> dict:
    if isinstance(value, Decimal):
        scale = -int(value.as_tuple().exponent)
        return literal(int(value.scaleb(scale)), f"decimal({scale})")
    return literal(value, {int: "int64", float: "float64", str: "string", bool: "boolean"}[type(value)])


def calculated(name: str, *values: Any) -> Any:
    return read(operator(name, *map(constant, values)), [])


@pytest.mark.parametrize(
    ("values", "expected"),
    # Sums of squares around the mean: 2; 56/3; and half of (2**63 - 1) ** 2, which rounds up.
    [((1, 2, 3), 1.0), ((1, None, 5, -1), 28 / 3), ((7,), None), ((), None), ((0, 2**63 - 1), float(2**125))],
)
def test_variance_of_integers_is_of_a_sample_and_rounded_once(values, expected):
    assert of("variance", "i", *values) == expected


def test_variance_of_decimals_and_floats():
    assert of("variance", "d", Decimal("0.10"), Decimal("0.30")) == 0.02
    assert of("variance", "f", 1.5, 2.5, 3.5) == 1.0
    assert of("std", "i", 0, 4) == math.sqrt(8)
    assert of("variance", "f", 1e308, 1e308) is None  # the sum is beyond the largest double
    assert of("variance", "f", 1e200, -1e200) is None  # the squares are
    assert of("variance", "f", 1.0, math.nan) is None


def test_a_sum_of_floats_is_rounded_once():
    assert of("sum", "f", 1e308, 1.0, -1e308, 1e-300) == 1.0
    assert of("sum", "f", 1e16, 1.0, 1.0) == 1e16 + 2
    assert of("mean", "f", 5e-324, 5e-324) == 5e-324
    assert of("sum", "z", Decimal(2**62), Decimal(2**62)) == 2.0**63
    with pytest.raises(reader.TooLargeError):
        of("sum", "i", 2**62, 2**62)


@pytest.mark.parametrize(
    ("share", "expected"), [(0, 10), (1, 10), (250_000, 10), (250_001, 20), (500_000, 20), (750_000, 30), (10**6, 40)]
)
def test_a_quantile_is_the_smallest_value_with_that_share_at_or_below(share, expected):
    assert of("quantile", "i", 40, 10, None, 30, 20, parameter=share) == expected


def test_quantiles_of_times_keep_their_type_and_of_decimals_leave_as_doubles():
    assert of("quantile", "w", 5, 3, 9, parameter=500_000) == 5
    assert of("quantile", "d", Decimal("1.25"), parameter=0) == 1.25


def test_the_most_frequent_value_and_the_smallest_of_several():
    assert of("most_frequent", "s", "b", "a", "b", "a", "c") == "a"
    assert of("most_frequent", "s", "\U0001f600", "\uffff") == "\uffff"
    assert of("most_frequent", "b", True, False) is False
    assert str(of("most_frequent", "f", -0.0, 1.0, 0.0)) == "0.0"
    assert of("most_frequent", "i", None) is None


def test_last_n_is_oldest_first_and_skips_nulls():
    assert of("last_n", "i", 1, 2, None, 3, parameter=2) == [2, 3]
    assert of("last_n", "d", Decimal("0.50"), parameter=1000) == [0.5]
    assert of("last_n", "s", None, parameter=1) is None
    assert of("last_n", "f", math.inf, 1.0, parameter=1) is None


def test_latest_is_the_last_row_even_if_it_is_null():
    assert (of("latest", "i", 1, None), of("last", "i", 1, None)) == (None, 1)
    assert of("latest", "f", math.nan, 2.0) == 2.0
    assert of("latest", "f", 2.0, math.nan) is None
    admits = operator("is_null", column("s"))
    rows = [row(1, i=1), row(2, i=2, s="x")]
    assert read(aggregate("latest", column("i"), where=admits), rows) == 1


def test_intervals_between_rows():
    rows = [row(0), row(SECOND), row(4 * SECOND)]
    assert read(aggregate("mean_interval"), rows) == 2.0
    assert read(aggregate("mean_interval"), rows[:1]) is None
    assert read(aggregate("since_last"), rows, at=5 * SECOND + 1) == 1.000001
    assert read(aggregate("mean_interval", window_us=4 * SECOND), rows, at=4 * SECOND) == 3.0


def test_the_far_edge_of_a_window_is_left_out_and_the_near_one_is_not():
    rows = [row(10), row(11), row(20), row(21)]
    assert read(aggregate("count", window_us=10), rows, at=20) == 2
    # 20 - 10 rounded down to a multiple of 7 is 7.
    assert read(aggregate("count", window_us=10, hop_us=7), rows, at=20) == 3


def test_what_is_known_later_counts_only_in_hindsight():
    rows = [row(10, i=1), row(11, known=30, i=2), row(25, known=12, i=3)]
    latest = aggregate("latest", column("i"))
    assert [read(latest, rows, at=20), read(latest, rows, at=20, k=BIG), read(latest, rows, at=25)] == [1, 2, 3]


def test_equal_times_go_by_when_they_were_known_and_then_by_position():
    latest = aggregate("latest", column("i"))
    assert read(latest, [row(5, known=9, offset=1, i=1), row(5, known=8, offset=2, i=2)]) == 1
    assert read(latest, [row(5, offset=2, i=2), row(5, offset=1, i=1)]) == 2


def test_a_position_seen_again_counts_once_as_known_first():
    rows = [row(5, known=50, offset=1), row(5, known=5, offset=1)]
    assert read(aggregate("count"), rows, at=20) == 1


def test_a_later_version_replaces_deletes_and_moves():
    rows = [row(1, p=1, i=10), row(2, p=2, i=20), row(3, p=1, i=11), row(4, p=2, a=2, i=21), row(5, p=1, gone=True)]
    total = aggregate("sum", column("i"))
    options = {"primary_key": ["p"], "deletes": "gone"}
    assert [read(total, rows, at=t, **options) for t in (1, 2, 3, 4, 5)] == [10, 30, 31, 11, None]
    assert [read(total, rows, at=t, entity=(2,), **options) for t in (3, 4)] == [None, 21]
    assert read(aggregate("count"), rows, at=5, **options) == 0
    without_key = [row(1, p=None, i=1), row(2, p=None, i=2), row(3, p=None, i=3, gone=True)]
    assert read(total, without_key, **options) == 3


def test_a_version_that_is_not_known_or_has_not_happened_replaces_nothing():
    rows = [row(1, p=1, i=10), row(2, known=9, p=1, i=11), row(8, known=3, p=1, i=12)]
    total = aggregate("sum", column("i"))
    assert [read(total, rows, at=t, primary_key=["p"]) for t in (3, 8, 9)] == [10, 12, 11]


def test_a_ttl_is_inclusive_and_looks_at_rows_that_count():
    rows = [row(10, p=1), row(20, p=2), row(30, p=2, gone=True)]
    options = {"ttl": 10, "primary_key": ["p"], "deletes": "gone"}
    assert [read(aggregate("count"), rows, at=t, **options) for t in (9, 20, 29, 30, 31)] == [None, 2, 2, None, None]
    definition = view({"x": aggregate("count")}, COLUMNS, ttl=10)
    assert [reader.serves(definition, [row(10)], (1,), t) for t in (9, 10, 20, 21)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (("abs", -3), 3), (("abs", -0.5), 0.5), (("abs", Decimal("-1.5")), 1.5), (("floor", Decimal("-1.5")), -2),
        (("ceil", Decimal("1.01")), 2), (("floor", -1.5), -2.0), (("ceil", 1.2), 2.0), (("floor", 7), 7),
        (("div", 1, 3), 1 / 3), (("div", 1, 0), None), (("mul", 3, Decimal("0.1")), 0.3), (("mul", 3, 0.1), 3 * 0.1),
        (("if_else", True, 1, Decimal("2.5")), 1.0), (("if_else", False, "a", "b"), "b"),
        (("bucket", 5, 1, 5, 9), 2), (("bucket", 0, 1), 0), (("bucket", 1.5, 1, Decimal("1.5"), 2.0), 2),
        (("bucket", "b", "a", "b", "c"), 2),
        (("to_int", True), 1), (("to_int", Decimal("-1.99")), -1), (("to_int", -1.99), -1), (("to_int", 2.0**63), None),
        (("to_int", -(2.0**63)), -(2**63)), (("to_int", "+007"), 7), (("to_int", " 7"), None),
        (("to_int", "7\n"), None), (("to_int", "٣"), None), (("to_int", str(2**63)), None), (("to_int", "-"), None),
        (("to_float", "1."), 1.0), (("to_float", ".5e1"), 5.0), (("to_float", "."), None), (("to_float", "nan"), None),
        (("to_float", "1e999"), None), (("to_float", "1_0"), None), (("to_float", 2**53 + 1), 2.0**53),
        (("to_string", -5), "-5"), (("to_string", Decimal("1.50")), "1.50"), (("to_string", Decimal("-0.05")), "-0.05"),
        (("to_string", True), "true"), (("to_string", "x"), "x"),
        (("lower", "ÄΣ"), "äς"), (("upper", "straße"), "STRASSE"), (("strip", "\u2003\x1f a\t"), "a"),
        (("length", "\U0001f600é"), 2), (("contains", "abc", "bc"), True), (("contains", "abc", ""), True),
        (("starts_with", "abc", "b"), False), (("ends_with", "abc", "bc"), True), (("concat", "a", "", "b"), "ab"),
        (("substring", "a\U0001f600bcd", 1, 2), "\U0001f600b"), (("substring", "ab", 5, 1), ""),
    ],
)  # fmt: skip
def test_operators(call, expected):
    assert repr(calculated(*call)) == repr(expected)


def test_nulls_go_through_operators_and_conditions_decide_where_they_can():
    nothing = aggregate("sum", column("i"))
    flag = operator("eq", nothing, literal(1, "int64"))
    yes, no = literal(True, "boolean"), literal(False, "boolean")
    assert read(operator("if_else", flag, yes, no), []) is None
    assert read(operator("bucket", nothing, literal(1, "int64")), []) is None
    assert read(operator("and", flag, no), []) is False
    assert read(operator("or", flag, yes), []) is True
    assert read(operator("and", flag, yes), []) is None
    assert read(operator("concat", literal("a", "string"), aggregate("last", column("s"))), []) is None
    assert read(operator("coalesce", nothing, literal(5, "decimal(1)")), []) == 0.5


def test_what_does_not_fit_in_64_bits_is_too_large():
    for call in [("abs", -(2**63)), ("add", BIG, 1), ("mul", 2**32, 2**31), ("eq", BIG, Decimal("0.1"))]:
        with pytest.raises(reader.TooLargeError):
            calculated(*call)


def test_the_parts_of_a_time():
    # Sunday, 27 March 2011, 01:30:59.000001 UTC: 15060 days and 5459 seconds after 1970.
    moment = literal(15_060 * DAY + 5_459 * SECOND + 1, "timestamp")
    day = literal(-1, "date")
    parts = ["year", "month", "day", "weekday", "hour", "minute"]
    assert [read(operator(part, moment), []) for part in parts] == [2011, 3, 27, 7, 1, 30]
    assert [read(operator(part, day), []) for part in parts[:4]] == [1969, 12, 31, 3]
    assert read(operator("to_string", moment), []) == "2011-03-27T01:30:59.000001Z"
    assert read(operator("to_string", day), []) == "1969-12-31"
    assert read(operator("seconds_between", literal(0, "timestamp"), moment), []) == -1301189459.000001
    assert read(operator("seconds_between", literal(2, "date"), day), []) == 259200.0


def test_what_comes_with_the_question():
    assert read({"key": "a"}, [], entity=(7,)) == 7
    assert read({"key": "a"}, [], entity=(None,)) is None
    assert read({"moment": True}, [], at=123) == 123
    assert read({"request": "r", "type": "int64"}, [], request={"r": 5}) == 5
    assert read({"request": "r", "type": "float64"}, [], request={"r": math.inf}) is None
    assert read({"request": "r", "type": "string"}, [], request={"r": None}) is None


def test_a_feature_of_another_view_is_its_own_with_its_own_ttl():
    other = view({"n": aggregate("count"), "x": aggregate("last", column("i"))}, COLUMNS, name="w", dataset="q",
                 keys=["p"], ttl=10)  # fmt: skip
    rows = [row(1, p=4), row(30, p=5)]
    tables = {"q": [row(12, p=4, i=8), row(21, p=4, i=9), row(13, p=5, a=None, i=7)]}
    found = {"lookup": "x", "view": "w", "keys": [["p", aggregate("last", column("p"))]]}
    asked = [read(found, rows, at=t, uses=[other], tables=tables) for t in (0, 11, 12, 21, 29, 30)]
    # At 30 the row points to another, whose latest row is older than the other view's TTL.
    assert asked == [None, None, 8, 9, 9, None]
    counted = {"lookup": "n", "view": "w", "keys": [["p", literal(6, "int64")]]}
    assert read(counted, rows, at=30, uses=[{**other, "ttl_us": None}], tables=tables) is None


def test_a_function_of_plain_python():
    node = {
        "python": "tier",
        "source": "def tier(spent, n):\n    return None if spent is None else 'high' if spent > n else 'low'\n",
        "type": "string",
        "args": [aggregate("sum", column("i")), literal(15, "decimal(1)")],
    }
    assert [read(node, rows_of("i", *values)) for values in [(), (1,), (2,)]] == [None, "low", "high"]
    inverse = {"python": "f", "source": "def f(n):\n    return n * 1e308", "type": "float64", "args": [{"key": "a"}]}
    assert [read(inverse, [], entity=(n,)) for n in (1, 10)] == [1e308, None]


def test_a_score_is_asked_for_as_of_k():
    node = {"score": "m", "inputs": [["n", aggregate("count")], ["s", aggregate("sum", column("i"))]]}
    asked = []

    def scorer(model, k, inputs):
        asked.append((model, k, inputs))
        return math.nan if k > 10 else 0.5

    assert [read(node, [row(1)], at=5, k=k, scorer=scorer) for k in (9, 11)] == [0.5, None]
    assert asked == [("m", 9, [1.0, None]), ("m", 11, [1.0, None])]
