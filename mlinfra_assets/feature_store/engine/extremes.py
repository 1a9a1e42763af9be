"""The smallest, largest, first and last row that is in the window, following moves.

Where rows come and go in their order a queue of candidates suffices: Tangwongsan, Hirzel, Schneider, "Low-latency
sliding-window aggregation in worst-case constant time", 2017. Otherwise a tree over the entity's rows is kept.
"""

from __future__ import annotations

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled

SMALLEST, LARGEST, FIRST, LAST = 0, 1, 2, 3
_NO_KEY = np.iinfo(np.int64).max


@compiled
def extreme(
    which: int,
    moved: np.ndarray,
    bounds: np.ndarray,
    fresh: np.ndarray,
    fifo: np.ndarray,
    entity: np.ndarray,
    starts: np.ndarray,
    state: np.ndarray,
    values: np.ndarray,
) -> np.ndarray:
    """At each question the number of the row (int64[n]), -1 if there is none. Of equal values any row may be given.

    Args:
        which: `SMALLEST` or `LARGEST` by value, `FIRST` or `LAST` by order.
        moved: As in `Moves`, like those that follow.
        bounds: As in `Moves`.
        fresh: As in `Moves`.
        fifo: As in `Moves`.
        entity: As in `Moves`.
        starts: int64[entities + 1], first row of each entity.
        state: uint8[rows]; rows of state 1 are looked at.
        values: int64[rows], compared as integers.
    """
    found = np.full(len(fresh), -1, np.int64)
    queue = np.zeros(64, np.int64)
    keys = np.zeros(2, np.int64)
    rows = np.zeros(2, np.int64)
    head = 0
    tail = 0
    leaves = 1
    base = np.int64(0)
    for p in range(len(fresh)):
        if fresh[p]:
            head = 0
            tail = 0
            if entity[p] >= 0 and not fifo[p]:
                base = starts[entity[p]]
                leaves = 1
                while leaves < starts[entity[p] + 1] - base:
                    leaves <<= 1
                if len(keys) < 2 * leaves:
                    keys = np.zeros(2 * leaves, np.int64)
                    rows = np.zeros(2 * leaves, np.int64)
                keys[: 2 * leaves] = _NO_KEY
                rows[: 2 * leaves] = -1
        for m in range(bounds[p], bounds[p + 1]):
            i = moved[m] if moved[m] >= 0 else ~moved[m]
            if state[i] != 1:
                continue
            key = i if which >= 2 else values[i]
            if which & 1:
                # The complement turns the order round and, unlike the negative, exists for every integer.
                key = ~key
            if fifo[p]:
                if moved[m] < 0:
                    if head < tail and queue[head] == i:
                        head += 1
                    continue
                while tail > head:
                    back = queue[tail - 1] if which >= 2 else values[queue[tail - 1]]
                    if (~back if which & 1 else back) < key:
                        break
                    tail -= 1
                if tail == len(queue):
                    if head > tail // 2:
                        queue[: tail - head] = queue[head:tail].copy()
                    else:
                        longer = np.zeros(2 * len(queue), np.int64)
                        longer[: tail - head] = queue[head:tail]
                        queue = longer
                    tail -= head
                    head = 0
                queue[tail] = i
                tail += 1
                continue
            node = leaves + (i - base)
            keys[node] = key if moved[m] >= 0 else _NO_KEY
            rows[node] = i if moved[m] >= 0 else -1
            node >>= 1
            while node >= 1:
                left = 2 * node
                # A row may have the largest key of all: whether there is a row decides, then the key.
                right_is_better = rows[left + 1] >= 0 and (rows[left] < 0 or keys[left] > keys[left + 1])
                better = left + right_is_better
                keys[node] = keys[better]
                rows[node] = rows[better]
                node >>= 1
        if entity[p] < 0:
            continue
        if fifo[p]:
            if head < tail:
                found[p] = queue[head]
        else:
            found[p] = rows[1]
    return found
