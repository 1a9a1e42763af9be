"""Operators on times and dates, on values worked out by hand."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.errors import FeatureOverflowError
from tests.support.vectors import calculated


def at(*parts: int) -> int:
    return to_micros(datetime(*parts, tzinfo=UTC))  # pyright: ignore[reportArgumentType]


def on(*parts: int) -> int:
    return (date(*parts) - date(1970, 1, 1)).days


TIMES = [
    at(2024, 2, 29, 23, 59, 59, 999_999),
    at(1969, 12, 31, 23, 59, 59, 999_999),
    at(1970, 1, 1),
    at(1900, 3, 1, 1, 2),
    None,
]
DATES = [on(2024, 2, 29), on(1969, 12, 31), on(1970, 1, 1), on(1, 1, 1), None]  # fmt: skip


@pytest.mark.parametrize(
    ("operator", "of_times", "of_dates"),
    [
        ("year", [2024, 1969, 1970, 1900, None], [2024, 1969, 1970, 1, None]),
        ("month", [2, 12, 1, 3, None], [2, 12, 1, 1, None]),
        ("day", [29, 31, 1, 1, None], [29, 31, 1, 1, None]),
        # A Thursday, a Wednesday, a Thursday, a Thursday; the first day of the calendar was a Monday.
        ("weekday", [4, 3, 4, 4, None], [4, 3, 4, 1, None]),
    ],
)
def test_the_calendar_is_that_of_utc(operator, of_times, of_dates):
    assert calculated(operator, ("timestamp", TIMES)) == ("int64", of_times)
    assert calculated(operator, ("date", DATES)) == ("int64", of_dates)
    assert calculated(operator, ("date", [])) == ("int64", [])


def test_hours_and_minutes_are_those_of_utc():
    assert calculated("hour", ("timestamp", TIMES)) == ("int64", [23, 23, 0, 1, None])
    assert calculated("minute", ("timestamp", TIMES)) == ("int64", [59, 59, 0, 2, None])


def test_a_week_begins_on_monday():
    days = [on(2024, 1, day) for day in range(1, 8)]
    assert calculated("weekday", ("date", days))[1] == [1, 2, 3, 4, 5, 6, 7]


def test_seconds_are_left_minus_right_rounded_once():
    left = [at(2011, 1, 1), at(2011, 1, 1), 0, 1, None, at(2011, 1, 1)]
    right = [at(2010, 12, 31), at(2011, 1, 2), 1, 0, 0, None]
    assert calculated("seconds_between", ("timestamp", left), ("timestamp", right)) == (
        "float64",
        [86_400.0, -86_400.0, -1e-06, 1e-06, None, None],
    )
    # 2**53 + 1 microseconds lie between two doubles.
    assert calculated("seconds_between", ("timestamp", [2**53 + 1]), ("timestamp", [0]))[1] == [(2**53 + 1) / 1_000_000]


def test_dates_are_whole_days_apart():
    assert calculated("seconds_between", ("date", [on(2024, 3, 1), 0, None]), ("date", [on(2024, 2, 28), 1, 0])) == (
        "float64",
        [2 * 86_400.0, -86_400.0, None],
    )


def test_times_that_are_too_far_apart_are_refused():
    with pytest.raises(FeatureOverflowError, match="does not fit in 64 bits"):
        calculated("seconds_between", ("timestamp", [2**63 - 1]), ("timestamp", [-2]))
