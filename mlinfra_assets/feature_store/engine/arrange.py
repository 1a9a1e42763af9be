"""Rows into the order that they are evaluated in: by entity, then by event time, known-at time and position."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled


@dataclass
class Coordinates:
    """Where rows stand. What has been put in order is let go of.

    Attributes:
        event_time: int64[n], microseconds since 1970 UTC.
        lag: Integers[n], known-at time less event time, in microseconds.
        place: Partition, offset and row, integers[n] each.
    """

    event_time: np.ndarray
    lag: np.ndarray
    place: tuple[np.ndarray, np.ndarray, np.ndarray]


_NONE = np.zeros(0, np.int8)


def arrange(
    entity: np.ndarray, entities: int, at: Coordinates
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The order of the rows, and what they are in it.

    Args:
        entity: int32[n], number of each row's entity; a row of entity -1 is left out.
        entities: How many there are.
        at: Where the rows stand. Of rows at one position only the one that was known first is in the order.

    Returns:
        Row numbers, int64[m]; where each entity begins, int64[entities + 1]; event times and known-at times, int64[m].
    """
    starts, order = _group(entity, entities)
    event_time, at.event_time = taken(at.event_time, order), _NONE
    known_at, at.lag = _later(event_time, at.lag, order) if at.lag.any() else event_time, _NONE
    loose = _out_of_order(order, starts, event_time, known_at, *at.place)
    if loose.any():
        places = np.flatnonzero(loose)
        rows = order[places]
        whose = np.repeat(np.arange(entities), np.diff(starts))[places]
        by = (*reversed([part[rows] for part in at.place]), known_at[places], event_time[places], whose)
        better = places[np.lexsort(by)]
        order[places], known_at[places] = order[better], known_at[better]
        if known_at is not event_time:
            event_time[places] = event_time[better]
        keep = _first_of_position(order, starts, event_time, *at.place)
        if not keep.all():
            order, event_time, known_at = order[keep], event_time[keep], known_at[keep]
            starts = np.concatenate([[0], np.cumsum(keep)])[starts].astype(np.int64)
    return order, starts, event_time, known_at


@compiled
def taken(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    """The values at some places (int64[m])."""
    found = np.empty(len(order), values.dtype)
    for i in range(len(order)):
        found[i] = values[order[i]]
    return found


@compiled
def _later(event_time: np.ndarray, lag: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Event times, which are in order, plus lags, which are not."""
    known_at = event_time.copy()
    if not (lag == lag[:1]).all():
        for i in range(len(order)):
            known_at[i] += lag[order[i]]
    elif len(lag) > 0:
        known_at += lag[0]
    return known_at


@compiled
def _group(entity: np.ndarray, entities: int) -> tuple[np.ndarray, np.ndarray]:
    """A stable counting sort by entity: where each begins, and the order."""
    starts = np.zeros(entities + 1, np.int64)
    for e in entity:
        if e >= 0:
            starts[e + 1] += 1
    for e in range(entities):
        starts[e + 1] += starts[e]
    following = starts[:-1].copy()
    order = np.empty(starts[-1], np.int64)
    for i in range(len(entity)):
        if entity[i] >= 0:
            order[following[entity[i]]] = i
            following[entity[i]] += 1
    return starts, order


@compiled
def _out_of_order(
    order: np.ndarray,
    starts: np.ndarray,
    event_time: np.ndarray,
    known_at: np.ndarray,
    partition: np.ndarray,
    offset: np.ndarray,
    row: np.ndarray,
) -> np.ndarray:
    """Which rows belong to an entity that has rows out of order, or two of one position: bool[n], in the order."""
    loose = np.zeros(len(order), np.bool_)
    for entity in range(len(starts) - 1):
        sound = True
        for m in range(starts[entity] + 1, starts[entity + 1]):
            if event_time[m] > event_time[m - 1]:
                continue
            # Between rows of one event time a repeat can stand anywhere: these are looked at one by one.
            if event_time[m] < event_time[m - 1] or known_at[m] != known_at[m - 1]:
                sound = False
                break
            a, b = order[m - 1], order[m]
            if partition[b] != partition[a]:
                sound = partition[b] > partition[a]
            elif offset[b] != offset[a]:
                sound = offset[b] > offset[a]
            else:
                sound = row[b] > row[a]
            if not sound:
                break
        if not sound:
            loose[starts[entity] : starts[entity + 1]] = True
    return loose


@compiled
def _first_of_position(
    order: np.ndarray,
    starts: np.ndarray,
    event_time: np.ndarray,
    partition: np.ndarray,
    offset: np.ndarray,
    row: np.ndarray,
) -> np.ndarray:
    """Which rows are the first of their position, among those of one entity and event time: bool[n], in the order."""
    keep = np.ones(len(order), np.bool_)
    for entity in range(len(starts) - 1):
        first = starts[entity]
        while first < starts[entity + 1]:
            last = first + 1
            while last < starts[entity + 1] and event_time[last] == event_time[first]:
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
