"""From when to when each row counts, for questions whose known-at time is the time asked about, or the end of time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled
from mlinfra_assets.feature_store.engine.rows import PreparedRows

FOREVER = np.iinfo(np.int64).max
_NONE = np.zeros(0, np.int64)


@dataclass(frozen=True)
class Timeline:
    """Row i counts at t if enter[i] <= t < leave[i]; windows apart.

    Attributes:
        enter: int64[rows], microseconds since 1970 UTC.
        leave: int64[rows], microseconds since 1970 UTC; empty if no row is ever replaced.
        simple: uint8[entities]: 1 if the rows of the entity enter in their order, and none of them leaves.
        all_simple: Whether that is so for all entities.
    """

    enter: np.ndarray
    leave: np.ndarray
    simple: np.ndarray
    all_simple: bool

    @classmethod
    def as_of(cls, rows: PreparedRows) -> Timeline:
        """What counts at t as known at t."""
        return cls._of(rows, hindsight=False)

    @classmethod
    def in_hindsight(cls, rows: PreparedRows) -> Timeline:
        """What counts at t as known at the end of time."""
        return cls._of(rows, hindsight=True)

    @classmethod
    def _of(cls, rows: PreparedRows, *, hindsight: bool) -> Timeline:
        at_once = hindsight or rows.known_at is rows.event_time
        enter = rows.event_time if at_once else np.maximum(rows.event_time, rows.known_at)
        leave = _NONE
        if rows.replaced is not None:
            replaced = rows.replaced
            seen = replaced.event_time if hindsight else np.maximum(replaced.event_time, replaced.known_at)
            leave = _leaves(replaced.offsets, seen)
        simple = _simple(rows.starts, enter, leave)
        return cls(enter, leave, simple, bool(simple.all()))


@compiled
def _leaves(offsets: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """For each row when the first of its later versions is seen."""
    leave = np.full(len(offsets) - 1, FOREVER, np.int64)
    for i in range(len(leave)):
        for j in range(offsets[i], offsets[i + 1]):
            leave[i] = min(leave[i], seen[j])
    return leave


@compiled
def _simple(starts: np.ndarray, enter: np.ndarray, leave: np.ndarray) -> np.ndarray:
    simple = np.ones(len(starts) - 1, np.uint8)
    for entity in range(len(simple)):
        for i in range(starts[entity], starts[entity + 1]):
            if (i > starts[entity] and enter[i] < enter[i - 1]) or (len(leave) > 0 and leave[i] != FOREVER):
                simple[entity] = 0
                break
    return simple
