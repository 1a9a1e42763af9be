"""Rows into the order that they are evaluated in: by entity, then by event time, known-at time and position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled


@dataclass(frozen=True)
class Coordinates:
    """Where each row stands.

    Attributes:
        event_time: int64[n], microseconds since 1970 UTC.
        known_at: int64[n], microseconds since 1970 UTC.
        place: Partition, offset and row, integers[n] each.
    """

    event_time: np.ndarray
    known_at: np.ndarray
    place: tuple[np.ndarray, np.ndarray, np.ndarray]


def arrange(entity: np.ndarray, entities: int, at: Coordinates) -> tuple[np.ndarray, np.ndarray]:
    """The order of the rows, and where each entity begins in it (int64[entities + 1]).

    Args:
        entity: int64[n], number of each row's entity.
        entities: How many there are.
        at: Where the rows stand. Of rows at one position only the one that was known first is in the order.

    Returns:
        int64[m], row numbers; m is n less the repeats.
    """
    starts, order = _group(entity, entities)
    loose = _out_of_order(order, entity, at.event_time, at.known_at, *at.place)
    if loose.any():
        places = np.flatnonzero(loose)
        rows = order[places]
        by = (*reversed([part[rows] for part in at.place]), at.known_at[rows], at.event_time[rows], entity[rows])
        order[places] = rows[np.lexsort(by)]
        keep = _first_of_position(order, entity, at.event_time, *at.place)
        if not keep.all():
            order = order[keep]
            starts = np.concatenate([[0], np.cumsum(keep)])[starts].astype(np.int64)
    return order, starts


@compiled
def _group(entity: np.ndarray, entities: int) -> tuple[np.ndarray, np.ndarray]:
    """A stable counting sort by entity: where each begins, and the order."""
    starts = np.zeros(entities + 1, np.int64)
    for e in entity:
        starts[e + 1] += 1
    for e in range(entities):
        starts[e + 1] += starts[e]
    following = starts[:-1].copy()
    order = np.empty(len(entity), np.int64)
    for i in range(len(entity)):
        order[following[entity[i]]] = i
        following[entity[i]] += 1
    return starts, order


@compiled
def _out_of_order(
    order: np.ndarray,
    entity: np.ndarray,
    event_time: np.ndarray,
    known_at: np.ndarray,
    partition: np.ndarray,
    offset: np.ndarray,
    row: np.ndarray,
) -> np.ndarray:
    """Which rows belong to an entity that has rows out of order, or two of one position (bool[n], in the order)."""
    loose = np.zeros(len(order), np.bool_)
    first = 0
    while first < len(order):
        last = first + 1
        sound = True
        while last < len(order) and entity[order[last]] == entity[order[first]]:
            a, b = order[last - 1], order[last]
            if event_time[b] < event_time[a]:
                sound = False
            elif event_time[b] == event_time[a]:
                # Between rows of one event time a repeat can stand anywhere: these are looked at one by one.
                if known_at[b] != known_at[a]:
                    sound = False
                elif partition[b] != partition[a]:
                    sound = sound and partition[b] > partition[a]
                elif offset[b] != offset[a]:
                    sound = sound and offset[b] > offset[a]
                else:
                    sound = sound and row[b] > row[a]
            last += 1
        if not sound:
            loose[first:last] = True
        first = last
    return loose


@compiled
def _first_of_position(
    order: np.ndarray,
    entity: np.ndarray,
    event_time: np.ndarray,
    partition: np.ndarray,
    offset: np.ndarray,
    row: np.ndarray,
) -> np.ndarray:
    """Which rows are the first of their position, among those of one entity and event time (bool[n], in the order)."""
    keep = np.ones(len(order), np.bool_)
    first = 0
    while first < len(order):
        last = first + 1
        while (
            last < len(order)
            and entity[order[last]] == entity[order[first]]
            and event_time[order[last]] == event_time[order[first]]
        ):
            last += 1
        if last - first > 1:
            seen = set()
            for m in range(first, last):
                i = order[m]
                place = (np.int64(partition[i]), np.int64(offset[i]), np.int64(row[i]))
                if place in seen:
                    keep[m] = False
                seen.add(place)
        first = last
    return keep
