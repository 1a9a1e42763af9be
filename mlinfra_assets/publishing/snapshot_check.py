"""Whether snapshots may be written: each entity once a day, and no day with less than half of the day before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import polars as pl

from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.snapshot import DAY
from mlinfra_assets.feature_store.view import FeatureView

LEAST_SHARE = 0.5
MOST_DROPS = 5


class RefusedSnapshotsError(MlinfraError):
    """Snapshots did not pass their check while they were being written. Nothing was committed."""


@dataclass(frozen=True)
class SnapshotCheck:
    """What the check says of the days that were asked for.

    Attributes:
        view: The view.
        problems: What is wrong, for a person; empty if the snapshots may be written.
        days: Days with at least one entity, of those looked at.
        entity_days: Rows of all of them.
        repeated: Rows whose entity is there twice on one day.
        null_keys: Rows with a null in their key.
        last_day: Entities on the last day with any.
    """

    view: str
    problems: tuple[str, ...]
    days: int
    entity_days: int
    repeated: int
    null_keys: int
    last_day: int

    @property
    def passed(self) -> bool:
        """Whether the snapshots may be written."""
        return not self.problems

    @property
    def message(self) -> str:
        """What is wrong, what became of it, and what to do; empty if nothing is."""
        if self.passed:
            return ""
        return (
            f"snapshots of {self.view} are not written, and Redis keeps what it has: {'; '.join(self.problems)}. "
            "Look at the inputs of this run; materialize again once they are right."
        )


class SnapshotChecker:
    """Counts snapshots as they are computed, in frames of whole days in order.

    Args:
        view: The view.
        asked: The days asked for, in order.
        kept: Entities of those that are not computed again.
        day_before: Entities in the snapshot before the first day; None if there is none.
    """

    def __init__(
        self, view: FeatureView, asked: Sequence[date], kept: Mapping[date, int], day_before: int | None
    ) -> None:
        self._view = view
        self._asked = asked
        self._sizes = dict(kept)
        self._day_before = day_before
        self._repeated = self._null_keys = 0

    def add(self, frame: pl.DataFrame) -> SnapshotCheck:
        """Count a frame; what the check says of all days up to its last one."""
        keys = frame.select(DAY, *self._view.join_keys)
        self._repeated += frame.height - keys.unique().height
        self._null_keys += int(keys.select(pl.any_horizontal(pl.all().is_null()).sum()).item())
        counts = keys.group_by(DAY).len()
        self._sizes.update(zip(counts[DAY], counts["len"], strict=True))
        newest = counts[DAY].max()
        return self._upto(newest) if isinstance(newest, date) else self._upto(date.min)

    def result(self) -> SnapshotCheck:
        """What the check says of all days, once all frames were counted."""
        return self._upto(date.max)

    def _upto(self, day: date) -> SnapshotCheck:
        sizes = [(asked, self._sizes.get(asked, 0)) for asked in self._asked if asked <= day]
        filled = [size for _, size in sizes if size]
        problems = [
            *([f"{self._repeated} entities appear twice on one day"] if self._repeated else []),
            *([f"{self._null_keys} rows have a null in their key"] if self._null_keys else []),
            *self._drops(sizes),
        ]
        return SnapshotCheck(
            view=self._view.name,
            problems=tuple(problems),
            days=len(filled),
            entity_days=sum(filled),
            repeated=self._repeated,
            null_keys=self._null_keys,
            last_day=filled[-1] if filled else 0,
        )

    def _drops(self, sizes: Sequence[tuple[date, int]]) -> list[str]:
        before = [] if self._day_before is None else [(date.min, self._day_before)]
        found = [
            f"{after} entities on {day} after {earlier}"
            for (_, earlier), (day, after) in pairwise([*before, *sizes])
            if after < LEAST_SHARE * earlier
        ]
        return [*found[:MOST_DROPS], *([f"and {len(found) - MOST_DROPS} more such days"] if found[MOST_DROPS:] else [])]
