"""What every consumer asks before it uses a source or a view: is a breaker open."""

from __future__ import annotations

from collections.abc import Iterable

from mlinfra_assets.breakers.breaker import Breaker
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.lake.lake import Lake


class FrozenError(UnavailableError):
    """What was asked for rests on a source or view whose breaker is open. Nothing was done.

    Attributes:
        breakers: The open breakers.
    """

    def __init__(self, breakers: Iterable[Breaker]) -> None:
        self.breakers = tuple(breakers)
        super().__init__(frozen_message(self.breakers))


def open_breakers(lake: Lake, subjects: Iterable[str]) -> list[Breaker]:
    """Those of some breakers that are open, as the lake says at this moment; half open does not count.

    Args:
        lake: Where breakers are kept.
        subjects: As `subjects.source("order_lines")` and `subjects.view("customer_features")` write them.
    """
    return BreakerLog(lake).open(subjects)


def refuse_if_open(lake: Lake, *asked: str) -> None:
    """Go on only if none of these breakers is open.

    Raises:
        FrozenError: One is; the message says which, since when, why, and what to do.
    """
    found = open_breakers(lake, asked)
    if found:
        raise FrozenError(found)


def frozen_message(breakers: Iterable[Breaker]) -> str:
    """Why something is frozen, and where to look."""
    found = list(breakers)
    shown = f"mlinfra breaker show {found[0].subject}" if found else "mlinfra breaker list"
    return f"{'; '.join(breaker.reason for breaker in found)}. `{shown}` says what to do"
