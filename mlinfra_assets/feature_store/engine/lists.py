"""The rows that are in the window, in their order, following moves."""

from __future__ import annotations

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled


@compiled
def last_rows(
    limit: int, moved: np.ndarray, bounds: np.ndarray, fresh: np.ndarray, state: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The last rows with a value in the window of each question: (row numbers int64[m], where each list begins).

    Args:
        limit: How many at most. Below 0: all of them.
        moved: As in `Moves`, like those that follow.
        bounds: As in `Moves`.
        fresh: As in `Moves`.
        state: uint8[rows]; rows of state 1 are looked at.
    """
    begins = np.zeros(len(fresh) + 1, np.int64)
    found = np.zeros(max(len(fresh), 64), np.int64)
    inside = np.zeros(64, np.int64)
    head = 0
    tail = 0
    for p in range(len(fresh)):
        if fresh[p]:
            head = 0
            tail = 0
        for m in range(bounds[p], bounds[p + 1]):
            i = moved[m] if moved[m] >= 0 else ~moved[m]
            if state[i] != 1:
                continue
            if moved[m] < 0 and inside[head] == i:
                head += 1
                continue
            if tail == len(inside):
                room = inside if head > tail // 2 else np.zeros(2 * len(inside), np.int64)
                room[: tail - head] = inside[head:tail].copy()
                inside = room
                tail -= head
                head = 0
            place = tail
            if tail > head and inside[tail - 1] >= i:
                low, high = head, tail
                while low < high:
                    middle = (low + high) >> 1
                    if inside[middle] < i:
                        low = middle + 1
                    else:
                        high = middle
                place = low
            if moved[m] >= 0:
                for j in range(tail, place, -1):
                    inside[j] = inside[j - 1]
                inside[place] = i
                tail += 1
            else:
                for j in range(place, tail - 1):
                    inside[j] = inside[j + 1]
                tail -= 1
        length = tail - head if limit < 0 else min(tail - head, limit)
        while begins[p] + length > len(found):
            longer = np.zeros(2 * len(found), np.int64)
            longer[: begins[p]] = found[: begins[p]]
            found = longer
        for j in range(length):
            found[begins[p] + j] = inside[tail - length + j]
        begins[p + 1] = begins[p] + length
    return found[: begins[-1]], begins
