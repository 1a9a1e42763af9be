"""On which days a view serves which entities, without looking at every pair of the two."""

from __future__ import annotations

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled
from mlinfra_assets.feature_store.engine.rows import PreparedRows

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
    replaced = rows.replaced
    chains = (_NONE, _NONE, _NONE) if replaced is None else (replaced.offsets, replaced.event_time, replaced.known_at)
    limit = -1 if ttl is None else ttl
    begins = np.zeros(len(times) + 1, np.int64)
    counts = _serve(rows.starts, rows.event_time, rows.known_at, *chains, times, limit, _NONE, _NONE)
    np.cumsum(counts, out=begins[1:])
    entities = np.zeros(begins[-1], np.int64)
    _serve(rows.starts, rows.event_time, rows.known_at, *chains, times, limit, begins[:-1], entities)
    return entities, begins


@compiled
def _serve(
    starts: np.ndarray,
    event_time: np.ndarray,
    known_at: np.ndarray,
    replaced: np.ndarray,
    replaced_event: np.ndarray,
    replaced_known: np.ndarray,
    times: np.ndarray,
    ttl: int,
    place: np.ndarray,
    entities: np.ndarray,
) -> np.ndarray:
    """Number of entities served at each time; writes them from `place` on if there is room for them.

    A row makes its entity served from when it has happened and is known, until it is older than the TTL or replaced:
    the latest row of all is never older than it.
    """
    counts = np.zeros(len(times), np.int64)
    marked = np.full(len(times), -1, np.int64)
    for entity in range(len(starts) - 1):
        for i in range(starts[entity], starts[entity + 1]):
            begin = max(event_time[i], known_at[i])
            d = np.searchsorted(times, begin)
            while d < len(times):
                if ttl >= 0 and times[d] - event_time[i] > ttl:
                    break
                gone = False
                if len(replaced) > 0:
                    for j in range(replaced[i], replaced[i + 1]):
                        if replaced_event[j] <= times[d] and replaced_known[j] <= times[d]:
                            gone = True
                            break
                if gone:
                    break
                if marked[d] != entity:
                    marked[d] = entity
                    if len(entities) > 0:
                        entities[place[d] + counts[d]] = entity
                    counts[d] += 1
                d += 1
    return counts
