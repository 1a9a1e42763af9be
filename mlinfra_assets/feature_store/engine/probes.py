"""Questions to a view: which entity, at which time, as known when."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled
from mlinfra_assets.feature_store.engine.moves import Moves, along, apart, spans
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.engine.timeline import FOREVER, Timeline

HINDSIGHT = FOREVER
"""As known at the end of time: rows that came late count too."""

CHUNK_ROWS = 1_000_000
"""Rows whose moves are held at once, unless one entity has more."""


@dataclass(frozen=True)
class Probes:
    """Questions in the order in which they are answered: by entity, then by time.

    Attributes:
        entity: int64[n], the number of the entity; -1 for one without rows.
        t: int64[n], microseconds since 1970 UTC.
        k: int64[n], microseconds since 1970 UTC.
        order: int64[n], the place of each in the order they were asked in; None if that is the same.
    """

    entity: np.ndarray
    t: np.ndarray
    k: np.ndarray
    order: np.ndarray | None

    def __len__(self) -> int:
        return len(self.entity)

    @classmethod
    def of(cls, entity: np.ndarray, t: np.ndarray, k: np.ndarray, entities: int) -> Probes:
        """Questions (int64[n] each) in any order, about `entities` entities."""
        if _ordered(entity, t):
            return cls(entity, t, k, None)
        by_time = np.arange(len(t)) if _ordered(t, t) else np.argsort(t, kind="stable")
        order = _by_entity(entity, by_time, entities)
        return cls(entity[order], t[order], k[order], order)

    def as_asked(self, found: np.ndarray) -> np.ndarray:
        """What was found for each question, in the order they were asked in."""
        if self.order is None:
            return found
        asked = np.empty_like(found)
        asked[self.order] = found
        return asked


class Movements:
    """The moves of questions to some rows, a part of them at a time.

    Args:
        rows: A view's rows.
        probes: The questions.
    """

    def __init__(self, rows: PreparedRows, probes: Probes) -> None:
        self._rows, self._probes = rows, probes
        self._timeline: Timeline | None = None
        if probes.k is probes.t or np.array_equal(probes.k, probes.t):
            self._timeline = Timeline.as_of(rows)
        elif (probes.k == HINDSIGHT).all():
            self._timeline = Timeline.in_hindsight(rows)

    def parts(self) -> Iterator[slice]:
        """Parts of the questions, small enough for their moves to be held."""
        bounds = _parts(self._rows.starts, self._probes.entity, self._timeline is None, CHUNK_ROWS)
        for begin, end in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
            yield slice(begin, end)

    @property
    def are_spans(self) -> bool:
        """Whether what is in a window is always a span of rows."""
        return self._timeline is not None and self._timeline.all_simple

    def spans(self, window: int | None, hop: int | None) -> tuple[np.ndarray, np.ndarray]:
        """The first row in the window of each question, and the first behind it, where `are_spans`."""
        assert self._timeline is not None  # noqa: S101 - `are_spans` says so
        return spans(self._rows, self._timeline, self._probes.entity, self._probes.t, window, hop)

    def moves(self, part: slice, window: int | None, hop: int | None) -> Moves:
        """The moves of a part of the questions for a window, both in microseconds."""
        p = self._probes
        if self._timeline is None:
            return apart(self._rows, p.entity[part], p.t[part], p.k[part], window, hop)
        return along(self._rows, self._timeline, p.entity[part], p.t[part], window, hop)


@compiled
def _ordered(entity: np.ndarray, t: np.ndarray) -> bool:
    for p in range(1, len(t)):
        if entity[p] < entity[p - 1] or (entity[p] == entity[p - 1] and t[p] < t[p - 1]):
            return False
    return True


@compiled
def _by_entity(entity: np.ndarray, by_time: np.ndarray, entities: int) -> np.ndarray:
    """A stable counting sort."""
    begins = np.zeros(entities + 2, np.int64)
    for p in range(len(entity)):
        begins[entity[p] + 2] += 1
    for e in range(1, entities + 2):
        begins[e] += begins[e - 1]
    order = np.empty(len(entity), np.int64)
    for p in by_time:
        order[begins[entity[p] + 1]] = p
        begins[entity[p] + 1] += 1
    return order


@compiled
def _parts(starts: np.ndarray, entity: np.ndarray, apart: bool, limit: int) -> np.ndarray:
    """Where to cut: between entities, or, for questions that share nothing, anywhere."""
    bounds = np.zeros(len(entity) + 2, np.int64)
    parts = 0
    rows = 0
    for p in range(len(entity)):
        same = p > 0 and entity[p] == entity[p - 1]
        cost = 1 if entity[p] < 0 else starts[entity[p] + 1] - starts[entity[p]] + 1
        if same and not apart:
            cost = 1
        if rows + cost > limit and p > bounds[parts] and (apart or not same):
            parts += 1
            bounds[parts] = p
            rows = 0
        rows += cost
    parts += 1
    bounds[parts] = len(entity)
    return bounds[: parts + 1]
