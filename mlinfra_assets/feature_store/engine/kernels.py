"""The compiled loops: over questions (probes), and for each over the rows of its entity.

Probe p asks about rows low[p] to high[p] (exclusive), as known at k[p], at time t[p]. A row takes part if it was known,
if no later version of its key had replaced it, and if its state is not NULL. Times are microseconds since 1970 UTC.
"""

from __future__ import annotations

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled

COUNT, SUM, MIN, MAX, FIRST, LAST = 0, 1, 2, 3, 4, 5
NOTHING, FOUND, BEYOND, NOT_FINITE = 0, 1, 2, 3
"""What a probe found: no value; a value; one that has no exact place here; a NaN or an infinity among its rows."""

_HUGE = 2.0**1000
_PARTIALS = 64


@compiled
def upper_bound(starts: np.ndarray, event_time: np.ndarray, entity: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """For each probe the first row of its entity with an event time after the edge; 0 for entity -1."""
    found = np.zeros(len(entity), np.int64)
    for p in range(len(entity)):
        if entity[p] < 0:
            continue
        low = starts[entity[p]]
        high = starts[entity[p] + 1]
        while low < high:
            middle = (low + high) >> 1
            if event_time[middle] <= edge[p]:
                low = middle + 1
            else:
                high = middle
        found[p] = low
    return found


@compiled
def fold(
    operation: int,
    known_at: np.ndarray,
    state: np.ndarray,
    values: np.ndarray,
    replaced: np.ndarray,
    replaced_event: np.ndarray,
    replaced_known: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    t: np.ndarray,
    k: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Count, sum, min, max, first or last of int64 values: (result, number of values, what was found)."""
    results = np.zeros(len(t), np.int64)
    counts = np.zeros(len(t), np.int64)
    outcomes = np.zeros(len(t), np.uint8)
    upserts = len(replaced) > 0
    for p in range(len(t)):
        result = np.int64(0)
        count = np.int64(0)
        outcome = NOTHING
        for i in range(low[p], high[p]):
            if state[i] == 0 or known_at[i] > k[p]:
                continue
            if upserts:
                gone = False
                for j in range(replaced[i], replaced[i + 1]):
                    if replaced_event[j] <= t[p] and replaced_known[j] <= k[p]:
                        gone = True
                        break
                if gone:
                    continue
            if state[i] == 2:
                outcome = NOT_FINITE
                break
            count += 1
            value = values[i]
            if operation == SUM:
                total = result + value
                if ((result ^ total) & (value ^ total)) < 0:
                    outcome = BEYOND
                result = total
            elif (
                count == 1
                or operation == LAST
                or (operation == MIN and value < result)
                or (operation == MAX and value > result)
            ):
                result = value
        if outcome == NOTHING and count > 0:
            outcome = FOUND
        results[p] = result
        counts[p] = count
        outcomes[p] = outcome
    return results, counts, outcomes


@compiled
def sum_floats(
    known_at: np.ndarray,
    state: np.ndarray,
    values: np.ndarray,
    replaced: np.ndarray,
    replaced_event: np.ndarray,
    replaced_known: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    t: np.ndarray,
    k: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The correctly rounded sum of float64 values: (sum, number of values, what was found).

    Shewchuk, "Adaptive Precision Floating-Point Arithmetic", 1997: the sum is held as doubles that do not overlap, and
    rounded once, half to even, as Python's `math.fsum` does.
    """
    results = np.zeros(len(t), np.float64)
    counts = np.zeros(len(t), np.int64)
    outcomes = np.zeros(len(t), np.uint8)
    partials = np.zeros(_PARTIALS, np.float64)
    upserts = len(replaced) > 0
    for p in range(len(t)):
        size = 0
        count = np.int64(0)
        outcome = NOTHING
        for i in range(low[p], high[p]):
            if state[i] == 0 or known_at[i] > k[p]:
                continue
            if upserts:
                gone = False
                for j in range(replaced[i], replaced[i + 1]):
                    if replaced_event[j] <= t[p] and replaced_known[j] <= k[p]:
                        gone = True
                        break
                if gone:
                    continue
            if state[i] == 2:
                outcome = NOT_FINITE
                break
            count += 1
            x = values[i]
            if abs(x) >= _HUGE or size >= _PARTIALS - 1:
                # Beyond here a partial sum could overflow although the sum does not.
                outcome = BEYOND
                continue
            kept = 0
            for j in range(size):
                y = partials[j]
                if abs(x) < abs(y):
                    x, y = y, x
                high_part = x + y
                low_part = y - (high_part - x)
                if low_part != 0.0:
                    partials[kept] = low_part
                    kept += 1
                x = high_part
            partials[kept] = x
            size = kept + 1
        if outcome == NOTHING and count > 0:
            outcome = FOUND
            total = 0.0
            rest = 0.0
            while size > 0:
                size -= 1
                x = total
                y = partials[size]
                total = x + y
                rest = y - (total - x)
                if rest != 0.0:
                    break
            if size > 0 and ((rest < 0.0 and partials[size - 1] < 0.0) or (rest > 0.0 and partials[size - 1] > 0.0)):
                # A tie that what is left below decides.
                y = rest * 2.0
                x = total + y
                if y == x - total:
                    total = x
            results[p] = total + 0.0
        counts[p] = count
        outcomes[p] = outcome
    return results, counts, outcomes


@compiled
def count_distinct(
    known_at: np.ndarray,
    state: np.ndarray,
    codes: np.ndarray,
    different: int,
    replaced: np.ndarray,
    replaced_event: np.ndarray,
    replaced_known: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    t: np.ndarray,
    k: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    """Number of different codes (0 to `different` - 1): (number, what was found)."""
    counts = np.zeros(len(t), np.int64)
    outcomes = np.full(len(t), FOUND, np.uint8)
    seen = np.full(different, -1, np.int64)
    upserts = len(replaced) > 0
    for p in range(len(t)):
        for i in range(low[p], high[p]):
            if state[i] == 0 or known_at[i] > k[p]:
                continue
            if upserts:
                gone = False
                for j in range(replaced[i], replaced[i + 1]):
                    if replaced_event[j] <= t[p] and replaced_known[j] <= k[p]:
                        gone = True
                        break
                if gone:
                    continue
            if state[i] == 2:
                outcomes[p] = NOT_FINITE
                break
            if seen[codes[i]] != p:
                seen[codes[i]] = p
                counts[p] += 1
    return counts, outcomes
