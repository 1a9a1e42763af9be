"""Whether snapshots may be written: each entity once a day, and no day with less than half of the day before.

Whom a view serves on a day is known before any feature is computed, so that nothing is written where one day fails.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import polars as pl

from mlinfra_assets.errors import MlinfraError

LEAST_SHARE = 0.5
MOST_DROPS = 5


class RefusedSnapshotsError(MlinfraError):
    """Snapshots did not pass their check. Nothing was written."""


@dataclass(frozen=True)
class SnapshotCheck:
    """What the check says of the days that were asked for.

    Attributes:
        view: The view.
        problems: What is wrong, for a person; empty if the snapshots may be written.
        days: Days with at least one entity.
        entity_days: Entities of all days together.
        repeated: Entities that are there twice.
        null_keys: Entities with a null in their key.
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


def check_snapshots(
    view: str, sizes: Mapping[date, int], day_before: int | None, keys: pl.DataFrame | None
) -> SnapshotCheck:
    """Check snapshots.

    Args:
        view: The view's name.
        sizes: Entities on each day, in order of day.
        day_before: Entities in the snapshot before the first day; None if there is none.
        keys: The join keys of every entity that is computed; None if none is.
    """
    filled = [size for size in sizes.values() if size]
    repeated = 0 if keys is None else keys.height - keys.unique().height
    null_keys = 0 if keys is None else int(keys.select(pl.any_horizontal(pl.all().is_null()).sum()).item())
    problems = [
        *([f"{repeated} entities appear twice on one day"] if repeated else []),
        *([f"{null_keys} entities have a null in their key"] if null_keys else []),
        *_drops(sizes, day_before),
    ]
    return SnapshotCheck(
        view=view,
        problems=tuple(problems),
        days=len(filled),
        entity_days=sum(filled),
        repeated=repeated,
        null_keys=null_keys,
        last_day=filled[-1] if filled else 0,
    )


def _drops(sizes: Mapping[date, int], day_before: int | None) -> list[str]:
    before = [] if day_before is None else [(date.min, day_before)]
    found = [
        f"{after} entities on {day} after {earlier}"
        for (_, earlier), (day, after) in pairwise([*before, *sizes.items()])
        if after < LEAST_SHARE * earlier
    ]
    return [*found[:MOST_DROPS], *([f"and {len(found) - MOST_DROPS} more such days"] if found[MOST_DROPS:] else [])]
