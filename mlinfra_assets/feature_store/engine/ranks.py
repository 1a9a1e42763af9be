"""Quantiles, most frequent values and numbers of different values, following moves."""

from __future__ import annotations

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled

QUANTILE, MOST_FREQUENT = 0, 1
MILLION = 1_000_000


@compiled
def local_codes(starts: np.ndarray, state: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, int]:
    """Equal values of an entity as equal numbers from 0 on (int64[rows]), and the most that one entity has."""
    codes = np.zeros(len(values), np.int64)
    most = 1
    places = np.zeros(4, np.int64)
    for entity in range(len(starts) - 1):
        begin, end = starts[entity], starts[entity + 1]
        size = 4
        while size < 2 * (end - begin):
            size <<= 1
        if len(places) < size:
            places = np.zeros(size, np.int64)
        places[:size] = -1
        mask = size - 1
        different = 0
        for i in range(begin, end):
            if state[i] != 1:
                continue
            mixed = np.uint64(values[i]) * np.uint64(0x9E37_79B9_7F4A_7C15)
            slot = np.int64(mixed >> np.uint64(20)) & mask
            while places[slot] >= 0 and values[places[slot]] != values[i]:
                slot = (slot + 1) & mask
            if places[slot] < 0:
                places[slot] = i
                codes[i] = different
                different += 1
            else:
                codes[i] = codes[places[slot]]
        most = max(most, different)
    return codes, most


@compiled
def count_distinct(
    moved: np.ndarray, bounds: np.ndarray, fresh: np.ndarray, state: np.ndarray, codes: np.ndarray, different: int
) -> np.ndarray:
    """At each question how many different codes (0 to `different` - 1) the rows in the window have (int64[n])."""
    found = np.zeros(len(fresh), np.int64)
    times = np.zeros(different, np.int64)
    used = np.zeros(different, np.int64)
    era = 0
    distinct = 0
    for p in range(len(fresh)):
        if fresh[p]:
            era += 1
            distinct = 0
        for m in range(bounds[p], bounds[p + 1]):
            i = moved[m] if moved[m] >= 0 else ~moved[m]
            if state[i] != 1:
                continue
            code = codes[i]
            if used[code] != era:
                used[code] = era
                times[code] = 0
            if moved[m] >= 0:
                distinct += times[code] == 0
                times[code] += 1
            else:
                times[code] -= 1
                distinct -= times[code] == 0
        found[p] = distinct
    return found


@compiled
def ranked(
    which: int,
    share: int,
    moved: np.ndarray,
    bounds: np.ndarray,
    fresh: np.ndarray,
    entity: np.ndarray,
    starts: np.ndarray,
    state: np.ndarray,
    values: np.ndarray,
) -> np.ndarray:
    """At each question a row (int64[n], -1 if there is none) whose value is the quantile, or is the most frequent.

    Args:
        which: `QUANTILE` or `MOST_FREQUENT`; of equally frequent values the smallest.
        share: Of a quantile, in millionths.
        moved: As in `Moves`, like those that follow.
        bounds: As in `Moves`.
        fresh: As in `Moves`.
        entity: As in `Moves`.
        starts: int64[entities + 1], first row of each entity.
        state: uint8[rows]; rows of state 1 are looked at.
        values: int64[rows], compared as integers.
    """
    found = np.full(len(fresh), -1, np.int64)
    owner = np.int64(-1)
    base = np.int64(0)
    ranks = np.zeros(1, np.int64)
    row_of = np.zeros(1, np.int64)
    tree = np.zeros(2, np.int64)
    leaves = 1
    number = np.int64(0)
    for p in range(len(fresh)):
        if entity[p] < 0:
            continue
        if fresh[p]:
            number = 0
            if entity[p] != owner:
                owner = entity[p]
                base = starts[owner]
                part = values[base : starts[owner + 1]]
                order = np.argsort(part, kind="mergesort")
                ranks = np.zeros(len(part), np.int64)
                row_of = np.zeros(len(part), np.int64)
                rank = -1
                for place in range(len(order)):
                    if place == 0 or part[order[place]] != part[order[place - 1]]:
                        rank += 1
                        row_of[rank] = base + order[place]
                    ranks[order[place]] = rank
                leaves = 1
                while leaves < rank + 1:
                    leaves <<= 1
                if len(tree) < 2 * leaves:
                    tree = np.zeros(2 * leaves, np.int64)
            tree[: 2 * leaves] = 0
        for m in range(bounds[p], bounds[p + 1]):
            i = moved[m] if moved[m] >= 0 else ~moved[m]
            if state[i] != 1:
                continue
            step = 1 if moved[m] >= 0 else -1
            number += step
            node = leaves + ranks[i - base]
            tree[node] += step
            node >>= 1
            while node >= 1:
                if which == QUANTILE:
                    tree[node] += step
                else:
                    tree[node] = max(tree[2 * node], tree[2 * node + 1])
                node >>= 1
        if number == 0:
            continue
        node = 1
        if which == QUANTILE:
            # Whole and rest apart: the product of a large count and a share would not fit.
            wanted = number // MILLION * share + (number % MILLION * share + MILLION - 1) // MILLION
            wanted = max(wanted, 1)
            while node < leaves:
                node *= 2
                if tree[node] < wanted:
                    wanted -= tree[node]
                    node += 1
        else:
            while node < leaves:
                node *= 2
                if tree[node] < tree[node >> 1]:
                    node += 1
        found[p] = row_of[node - leaves]
    return found
