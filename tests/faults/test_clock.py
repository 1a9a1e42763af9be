"""Clocks that are wrong, and the two days of the year on which a local clock is changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from mlinfra_assets import names
from tests.support.faults.events import START, event
from tests.support.faults.ingestion import Ingestion

HOUR = timedelta(hours=1)
LONDON = ZoneInfo("Europe/London")


def test_a_landing_clock_that_jumps_an_hour_back_and_forward_loses_nothing(ingestion: Ingestion) -> None:
    for jump in (timedelta(), -HOUR, HOUR, -HOUR):
        ingestion.clock.set(START + jump)
        ingestion.produce(40)
        ingestion.ingest()
    ingestion.check()
    landed = ingestion.table("raw").read().sort("offset")["landed_at"].unique(maintain_order=True)
    assert landed.to_list() == [START, START - HOUR, START + HOUR]


def test_a_stream_whose_clock_goes_back_an_hour_keeps_its_order(ingestion: Ingestion) -> None:
    for jump in (timedelta(), -HOUR, HOUR, -HOUR):
        ingestion.produce(40, at=START + jump)
        ingestion.ingest()
    ingestion.check()
    rows = ingestion.table("processed").read().sort(names.OFFSET)
    assert rows[names.KNOWN_AT].is_sorted()
    assert rows[names.KNOWN_AT].max() == START + HOUR


@pytest.mark.parametrize("off", [HOUR, -HOUR])
def test_a_producers_clock_that_is_an_hour_off_is_the_event_time(ingestion: Ingestion, off: timedelta) -> None:
    ingestion.send([event(n, at=START + off) for n in range(20)], at=START)
    ingestion.settle()
    rows = ingestion.table("processed").read()
    assert set(rows[names.EVENT_TIME]) == {START + off}
    assert set(rows[names.KNOWN_AT]) == {START}


def minutes(day: datetime) -> list[datetime]:
    """A moment every ten minutes from 22:00 UTC the day before to 05:00 UTC."""
    first = day - timedelta(hours=2)
    return [first + timedelta(minutes=10 * n) for n in range(43)]


@pytest.mark.parametrize(
    ("day", "unclear"), [(datetime(2024, 3, 31, tzinfo=UTC), 0), (datetime(2024, 10, 27, tzinfo=UTC), 12)]
)
def test_both_days_of_the_clock_change_keep_every_event(ingestion: Ingestion, day: datetime, unclear: int) -> None:
    ingestion.declare("local")
    moments = minutes(day)
    shown = [moment.astimezone(LONDON).strftime("%Y-%m-%d %H:%M:%S") for moment in moments]
    ingestion.send([event(n, at=text) for n, text in enumerate(shown)])
    said = ingestion.ingest()
    ingestion.check()
    assert sum(report.ambiguous_times for report in said.reports) == unclear
    rows = ingestion.table("processed").read().sort("id")
    different = [
        (moment - found) for moment, found in zip(moments, rows[names.EVENT_TIME], strict=True) if moment != found
    ]
    # An hour that comes twice is taken for the earlier one, as the contract says.
    assert different == [HOUR] * (unclear // 2)


def test_a_local_time_that_does_not_exist_is_kept_and_counted(ingestion: Ingestion) -> None:
    ingestion.declare("local")
    ingestion.send([event(1, at="2024-03-31 01:30:00")])
    said = ingestion.ingest()
    ingestion.check()
    assert sum(report.ambiguous_times for report in said.reports) == 1
