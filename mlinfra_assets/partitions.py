"""Partitions: one a UTC day, never one a micro-batch. Imports nothing of ours."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import dagster as dg


def daily(start: date, last: date | None = None, *, today: bool = False) -> dg.DailyPartitionsDefinition:
    """Days in UTC from `start` on.

    Args:
        start: The first day.
        last: The last day that is over. None: yesterday by the machine's clock. A home with a simulated clock
            needs one: its present is not the machine's.
        today: Whether the day that has begun is one of them too.
    """
    end = None if last is None else datetime(last.year, last.month, last.day, tzinfo=UTC) + timedelta(days=1 + today)
    return dg.DailyPartitionsDefinition(
        start_date=datetime(start.year, start.month, start.day, tzinfo=UTC),
        end_date=end,
        timezone="UTC",
        end_offset=int(today and end is None),
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
