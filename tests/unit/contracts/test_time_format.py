"""Times as producers write them, and local times at clock changes."""

# ruff: noqa: DTZ001 - local times without a zone are what is tested here

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlinfra_assets.clock import from_micros
from mlinfra_assets.contracts.contract import Ambiguous
from mlinfra_assets.contracts.time_format import compile_format, to_utc

LONDON = ZoneInfo("Europe/London")
TILL = compile_format("yyyy-MM-dd HH:mm:ss", with_time=True)
ISO = compile_format(None, with_time=True)


def london(text: str, rule: Ambiguous = "earlier") -> tuple[str, bool]:
    instant = to_utc(TILL(text), LONDON, rule)
    return from_micros(instant.micros).strftime("%Y-%m-%d %H:%M:%S"), instant.ambiguous


@pytest.mark.parametrize(
    ("local", "earlier", "later", "ambiguous"),
    [
        ("2011-03-27 00:59:59", "2011-03-27 00:59:59", "2011-03-27 00:59:59", False),
        ("2011-03-27 01:00:00", "2011-03-27 00:00:00", "2011-03-27 01:00:00", True),
        ("2011-03-27 01:30:00", "2011-03-27 00:30:00", "2011-03-27 01:30:00", True),
        ("2011-03-27 02:00:00", "2011-03-27 01:00:00", "2011-03-27 01:00:00", False),
        ("2011-10-30 00:59:59", "2011-10-29 23:59:59", "2011-10-29 23:59:59", False),
        ("2011-10-30 01:00:00", "2011-10-30 00:00:00", "2011-10-30 01:00:00", True),
        ("2011-10-30 01:59:59", "2011-10-30 00:59:59", "2011-10-30 01:59:59", True),
        ("2011-10-30 02:00:00", "2011-10-30 02:00:00", "2011-10-30 02:00:00", False),
        ("2011-07-01 12:00:00", "2011-07-01 11:00:00", "2011-07-01 11:00:00", False),
    ],
)
def test_local_times_of_london_around_clock_changes(local: str, earlier: str, later: str, ambiguous: bool) -> None:
    assert london(local, "earlier") == (earlier, ambiguous)
    assert london(local, "later") == (later, ambiguous)


@settings(deadline=None)
@given(
    st.datetimes(datetime(2011, 3, 26), datetime(2011, 3, 28))
    | st.datetimes(datetime(2011, 10, 29), datetime(2011, 10, 31))
)
def test_every_instant_is_found_again_from_its_local_time(naive: datetime) -> None:
    instant = naive.replace(tzinfo=UTC)
    local = instant.astimezone(LONDON).replace(tzinfo=None, fold=0)
    earlier, later = to_utc(local, LONDON, "earlier"), to_utc(local, LONDON, "later")
    assert instant in {from_micros(earlier.micros), from_micros(later.micros)}
    assert earlier.micros <= later.micros
    assert earlier.ambiguous == (earlier.micros != later.micros)


@settings(deadline=None)
@given(
    st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=st.sampled_from([UTC, ZoneInfo("Asia/Kolkata")]))
)
def test_iso_times_with_an_offset_are_exact(at: datetime) -> None:
    text = at.isoformat()
    if len(text.rpartition("+")[2]) == 5 and text.rpartition("+")[2].count(":") == 1:
        assert from_micros(to_utc(ISO(text), LONDON, "earlier").micros) == at.astimezone(UTC)


@settings(deadline=None)
@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)))
def test_what_the_till_writes_is_read_back(at: datetime) -> None:
    at = at.replace(microsecond=0)
    assert TILL(at.strftime("%Y-%m-%d %H:%M:%S")) == at


@pytest.mark.parametrize(
    "text",
    [
        *("", "2010-12-01", "2010-12-01 8:26:00", "2010-12-01 08:26", "2010-13-01 08:26:00", "2010-02-30 08:26:00"),
        *("2010-12-01 24:00:00", "2010-12-01 08:26:60", " 2010-12-01 08:26:00", "2010-12-01 08:26:00\n"),
        *(
            "0000-01-01 00:00:00",
            "\u0662\u0660\u0661\u0660-12-01 08:26:00",
            "2010-12-01T08:26:00",
            "2010-12-01 08:26:00Z",
        ),
    ],
)
def test_a_time_in_another_format_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        TILL(text)


@pytest.mark.parametrize(
    "text", ["2011-01-01T00:00:00.1234567Z", "2011-01-01T00:00:00+25:00", "2011-01-01T00:00:00+0100"]
)
def test_an_iso_time_that_would_lose_something_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        ISO(text)


def test_formats_with_short_fields_quotes_fractions_and_offsets() -> None:
    assert compile_format("M/d/yyyy H:mm", with_time=True)("12/1/2010 8:26") == datetime(2010, 12, 1, 8, 26)
    at = compile_format("yyyy-MM-dd'T'HH:mm:ss.SSSXXX", with_time=True)("2010-12-01T08:26:00.250+02:00")
    assert at.utcoffset() == timedelta(hours=2)
    assert at.microsecond == 250_000
    assert compile_format("dd.MM.yyyy", with_time=False)("09.12.2011").date() == date(2011, 12, 9)


@pytest.mark.parametrize(
    "text", ["yyyy-MM-dd", "yyyy-MM-dd hh:mm", "yyyy-MM-dd HH:mm 'x", "yyyy yyyy-MM-dd HH:mm", "%Y-%m-%d"]
)
def test_a_format_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        compile_format(text, with_time=True)
