"""Partitions: one a UTC day, never one a micro-batch. Imports nothing of ours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import dagster as dg


def daily(start: date, end: date | None = None) -> dg.DailyPartitionsDefinition:
    """Days in UTC from `start` on, up to and including `end`; without an end, up to yesterday by the machine's clock.

    A home with a simulated clock needs an end: its present is not the machine's.
    """
    return dg.DailyPartitionsDefinition(
        start_date=datetime(start.year, start.month, start.day, tzinfo=UTC),
        end_date=None if end is None else datetime(end.year, end.month, end.day, tzinfo=UTC) + timedelta(days=1),
        timezone="UTC",
    )


def key(day: date) -> str:
    """A day's partition key."""
    return day.isoformat()


def days(keys: list[str]) -> list[date]:
    """The days of partition keys, in order."""
    return sorted(date.fromisoformat(k) for k in keys)


def last_complete(now: datetime) -> date:
    """The last day that is over at `now`."""
    return now.astimezone(UTC).date() - timedelta(days=1)
