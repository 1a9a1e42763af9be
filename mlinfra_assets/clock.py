"""The one clock: what "now" means for every part of the platform, in UTC with microseconds.

A home folder may hold a `clock.json` with a time of its own (`{"at": "2011-09-01T00:00:00+00:00"}`): every process
that works on this home then reads that time, so that a demo, a test or a replay runs at a moment of its choosing.
Without that file the clock is the system's.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from mlinfra_assets.errors import InvalidInputError

CLOCK_FILE = "clock.json"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock(Protocol):
    """Tells the present moment."""

    @property
    def simulated(self) -> bool:
        """Whether the time is chosen, not measured."""
        ...

    def now(self) -> datetime:
        """The present, UTC, microsecond resolution."""
        ...


class SystemClock:
    """The machine's own time."""

    simulated = False

    def now(self) -> datetime:
        """The machine's time in UTC."""
        return datetime.now(UTC)


class FixedClock:
    """A clock that stands where it was put."""

    simulated = True

    def __init__(self, at: datetime) -> None:
        self._at = _aware(at)

    def now(self) -> datetime:
        """The time that was last set."""
        return self._at

    def set(self, at: datetime) -> None:
        """Move the clock to `at` (time-zone aware)."""
        self._at = _aware(at)


class HomeClock:
    """The clock of a home folder: its `clock.json` if there is one, else the machine's time."""

    def __init__(self, home: Path) -> None:
        self._file = home / CLOCK_FILE

    @property
    def simulated(self) -> bool:
        """Whether the home folder has a time of its own."""
        return self._file.exists()

    def now(self) -> datetime:
        """The home's time, or the machine's.

        Raises:
            InvalidInputError: The clock file is there but does not hold a time.
        """
        try:
            text = self._file.read_text()
        except FileNotFoundError:
            return datetime.now(UTC)
        try:
            return _aware(datetime.fromisoformat(json.loads(text)["at"]))
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInputError(
                f'{self._file} is not a clock: expected {{"at": "<ISO time with zone>"}}; '
                "correct it, or delete it to run on the system's time"
            ) from error

    def set(self, at: datetime) -> None:
        """Give the home a time of its own; other processes see the old time or the new one, never half of it."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        draft = self._file.with_name(f"{CLOCK_FILE}.{os.getpid()}")
        draft.write_text(json.dumps({"at": _aware(at).isoformat()}))
        draft.replace(self._file)


def to_micros(at: datetime) -> int:
    """Microseconds since 1970-01-01T00:00:00Z of an aware time."""
    delta = _aware(at) - EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def from_micros(micros: int) -> datetime:
    """The UTC time of microseconds since the epoch."""
    from datetime import timedelta

    return EPOCH + timedelta(microseconds=micros)


def _aware(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise InvalidInputError(f"the time {at.isoformat()} has no zone: give one, such as {at.isoformat()}+00:00")
    return at.astimezone(UTC)
