"""When the demo stops to look: moments of the shop's own time at which predictions are made."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from mlinfra_assets.errors import InvalidInputError

SHORTEST = timedelta(days=240)
MARGINS = (timedelta(days=39), timedelta(days=9))


@dataclass(frozen=True)
class Stage:
    """One stop of the demo.

    Attributes:
        at: The simulated present, UTC: everything up to it has happened.
        last: Whether the shop's history ends here.
    """

    at: datetime
    last: bool = False

    @property
    def snapshot_day(self) -> date:
        """The last day that is over."""
        return self.at.date() - timedelta(days=1)


def stages(first: datetime, last: datetime, horizon: timedelta) -> list[Stage]:
    """Two stops early enough for the outcomes of their predictions to be known at the end, and the end itself.

    Args:
        first: Time of the first order line, UTC.
        last: Time of the last one, UTC.
        horizon: How long a prediction looks ahead.

    Raises:
        InvalidInputError: The history is too short to learn from and to see outcomes in.
    """
    refuse_short(first, last)
    early = [_midnight(last - horizon - margin) for margin in MARGINS]
    return [*(Stage(at) for at in early), Stage(_next_second(last), last=True)]


def refuse_short(first: datetime, last: datetime) -> None:
    """See that a history is long enough to be played.

    Raises:
        InvalidInputError: It is too short to learn from and to see outcomes in.
    """
    if last - first < SHORTEST:
        raise InvalidInputError(
            f"the order lines span {(last - first).days} days, {first:%Y-%m-%d} to {last:%Y-%m-%d}: the demo needs at "
            f"least {SHORTEST.days} to learn from the past and to see what its predictions come to; give a longer file"
        )


def _midnight(at: datetime) -> datetime:
    return datetime.combine(at.astimezone(UTC).date(), time(), tzinfo=UTC)


def _next_second(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(microsecond=0) + timedelta(seconds=1)
