"""On which days a view serves which entities, without looking at every pair of the two."""

from __future__ import annotations

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.engine.timeline import Timeline

_NONE = np.zeros(0, np.int64)


def served_pairs(rows: PreparedRows, times: np.ndarray, ttl: int | None) -> tuple[np.ndarray, np.ndarray]:
    """The entities that are served at each time, as known at that time.

    Args:
        rows: A view's rows.
        times: int64[m], rising, microseconds since 1970 UTC.
        ttl: The view's, in microseconds.

    Returns:
        Numbers of the entities, int64, ascending at each time; and int64[m + 1]: those of times[d] are at
        begins[d] to begins[d + 1] (exclusive).
    """
    timeline = Timeline.as_of(rows)
    limit = -1 if ttl is None else ttl
    begins = np.zeros(len(times) + 1, np.int64)
    counts = _serve(rows.starts, rows.event_time, timeline.enter, timeline.leave, times, limit, _NONE, _NONE)
    np.cumsum(counts, out=begins[1:])
    entities = np.zeros(begins[-1], np.int64)
    _serve(rows.starts, rows.event_time, timeline.enter, timeline.leave, times, limit, begins[:-1], entities)
    return entities, begins


def served_counts(rows: PreparedRows, times: np.ndarray, ttl: int | None) -> np.ndarray:
    """How many entities are served at each time, int64[m]; the arguments are those of `served_pairs`."""
    timeline = Timeline.as_of(rows)
    limit = -1 if ttl is None else ttl
    return _serve(rows.starts, rows.event_time, timeline.enter, timeline.leave, times, limit, _NONE, _NONE)


@compiled
def _serve(
    starts: np.ndarray,
    event_time: np.ndarray,
    enter: np.ndarray,
    leave: np.ndarray,
    times: np.ndarray,
    ttl: int,
    place: np.ndarray,
    entities: np.ndarray,
) -> np.ndarray:
    """Number of entities served at each time; writes them from `place` on if there is room for them.

    A row makes its entity served from when it counts until it is older than the TTL or replaced: the latest row of all
    is never older than it.
    """
    counts = np.zeros(len(times), np.int64)
    changes = np.zeros(len(times) + 1, np.int64)
    for entity in range(len(starts) - 1):
        changes[:] = 0
        for i in range(starts[entity], starts[entity + 1]):
            begin = np.searchsorted(times, enter[i])
            end = len(times)
            if ttl >= 0:
                end = np.searchsorted(times, event_time[i] + ttl, side="right")
            if len(leave) > 0:
                end = min(end, np.searchsorted(times, leave[i]))
            if begin < end:
                changes[begin] += 1
                changes[end] -= 1
        serving = 0
        for d in range(len(times)):
            serving += changes[d]
            if serving > 0:
                if len(entities) > 0:
                    entities[place[d] + counts[d]] = entity
                counts[d] += 1
    return counts
