"""The moments a model learns from: which there are, and which of them it is judged by."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mlinfra_assets.clock import from_micros
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.learning.model import DAY, ModelSpec

TRAIN, GAP, HOLDOUT = "train", "gap", "holdout"


class TooLittleHistoryError(InvalidInputError):
    """There is not enough history yet to learn from and to judge by."""


@dataclass(frozen=True)
class Cutoffs:
    """Moments in UTC microseconds, in order.

    Attributes:
        train: Learned from. The last one's horizon ends before the first holdout moment.
        gap: Between the two, used for neither: their labels were not known yet at the first holdout moment.
        holdout: Judged by.
    """

    train: tuple[int, ...]
    gap: tuple[int, ...]
    holdout: tuple[int, ...]

    @property
    def roles(self) -> dict[int, str]:
        """Each moment's role."""
        groups = ((self.train, TRAIN), (self.gap, GAP), (self.holdout, HOLDOUT))
        return {t: role for moments, role in groups for t in moments}

    @property
    def all(self) -> tuple[int, ...]:
        """All moments, in order."""
        return self.train + self.gap + self.holdout


def moments(first_event: int, complete: int, warmup: int, every: int, horizon: int) -> list[int]:
    """Ends of days (the last microsecond, UTC) that have enough history before and a known label after them.

    Args:
        first_event: Event time of the first row, in microseconds.
        complete: Up to when everything that happened is known, in microseconds, inclusive.
        warmup: History before the first moment, in microseconds.
        every: Whole days between two moments, in microseconds; they are aligned to 1970-01-01.
        horizon: After this many microseconds the label is known.
    """
    first = -((first_event + warmup + 1) // -every)
    last = (complete - horizon + 1) // every
    return [number * every - 1 for number in range(first, last + 1)]


def split(model: ModelSpec, found: Sequence[int]) -> Cutoffs:
    """Divide moments by time into training and holdout, with a gap of the horizon between them.

    The holdout is the declared share of the moments, or as much less of it as leaves something to learn from.

    Raises:
        TooLittleHistoryError: Not even one moment of each kind; the message says what is needed.
    """
    horizon = model.label.horizon_us
    for size in range(math.ceil(len(found) * model.promotion.holdout), 0, -1):
        holdout = tuple(found[-size:])
        train = tuple(t for t in found[:-size] if t + horizon <= holdout[0])
        if train:
            return Cutoffs(train, tuple(found[len(train) : len(found) - size]), holdout)
    needed = (model.spine.warmup_us + 2 * horizon) // DAY
    labelled = f"from {_day(found[0])} to {_day(found[-1])}" if found else "none"
    raise TooLittleHistoryError(
        f"model {model.name}: cutoffs with a known label: {labelled}. Training needs one, and a later one to judge by "
        f"whose features begin after the first one's label is known: about {needed} days of history "
        f"(warm-up {model.spine.warmup}, twice the horizon {model.label.horizon}); train again when there is more"
    )


def _day(moment: int) -> str:
    return from_micros(moment).date().isoformat()
