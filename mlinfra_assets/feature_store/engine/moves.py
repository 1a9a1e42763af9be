"""Which rows come into a window and which fall out of it from one question to the next.

Questions are ordered by entity and time. What is in the window at the first question of an entity comes in there; from
then on only what changes is moved, so that a row costs the same however many questions there are. The reductions in
`sums`, `extremes`, `ranks` and `lists` follow these moves and know nothing of windows, late rows or replaced ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled, compiled_part
from mlinfra_assets.feature_store.engine.rows import PreparedRows, Replacements
from mlinfra_assets.feature_store.engine.timeline import Timeline

Number: TypeAlias = Any  # of NumPy or of Python: compiled they are one
_NONE = np.zeros(0, np.int64)
_SEARCH = 16
"""Rows to a question above which a window's ends are searched for by halving."""


@dataclass(frozen=True)
class Moves:
    """The moves of some questions.

    Attributes:
        rows: int64[m]: i for a row that comes in, ~i for one that falls out.
        bounds: int64[n + 1]: those of question p are at bounds[p] to bounds[p + 1] (exclusive).
        fresh: uint8[n]: 1 if the window is empty before them.
        fifo: uint8[n]: 1 if the rows of this entity come in and fall out in their order.
        entity: int64[n], number of the entity; -1 for one without rows.
    """

    rows: np.ndarray
    bounds: np.ndarray
    fresh: np.ndarray
    fifo: np.ndarray
    entity: np.ndarray


def along(
    rows: PreparedRows, timeline: Timeline, entity: np.ndarray, t: np.ndarray, window: int | None, hop: int | None
) -> Moves:
    """The moves of questions that share a timeline.

    Args:
        rows: A view's rows.
        timeline: When they count.
        entity: int64[n], not falling.
        t: int64[n], microseconds since 1970 UTC, not falling within an entity.
        window: Length in microseconds. None: all history.
        hop: What the window's far edge is rounded down to a multiple of, in microseconds.
    """
    found = _along(
        rows.starts,
        rows.event_time,
        timeline.enter,
        timeline.leave,
        timeline.simple,
        entity,
        t,
        -1 if window is None else window,
        1 if hop is None else hop,
    )
    return Moves(*found, entity)


def spans(
    rows: PreparedRows, timeline: Timeline, entity: np.ndarray, t: np.ndarray, window: int | None, hop: int | None
) -> tuple[np.ndarray, np.ndarray]:
    """The first row in the window of each question, and the first one behind it (int64[n] each); all simple entities.

    Without late rows and replaced ones a window is a span of rows, and what needs no value is known from its ends.
    """
    width, step = -1 if window is None else window, 1 if hop is None else hop
    return _spans(rows.starts, rows.event_time, timeline.enter, entity, t, width, step)


def apart(
    rows: PreparedRows, entity: np.ndarray, t: np.ndarray, k: np.ndarray, window: int | None, hop: int | None
) -> Moves:
    """As `along`, for questions with known-at times of their own (k: int64[n]): each window is filled from nothing."""
    replaced = rows.replaced or Replacements(_NONE, _NONE, _NONE)
    found = _apart(
        rows.starts,
        rows.event_time,
        rows.known_at,
        replaced.offsets,
        replaced.event_time,
        replaced.known_at,
        entity,
        t,
        k,
        -1 if window is None else window,
        1 if hop is None else hop,
    )
    ones = np.ones(len(t), np.uint8)
    return Moves(*found, ones, ones, entity)


@compiled_part
def _after(times: np.ndarray, low: Number, high: Number, edge: Number) -> Number:
    """The first of times[low:high], which do not fall, that is later than the edge."""
    while low < high:
        middle = (low + high) >> 1
        if times[middle] <= edge:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _spans(
    starts: np.ndarray,
    event_time: np.ndarray,
    enter: np.ndarray,
    entity: np.ndarray,
    t: np.ndarray,
    window: int,
    hop: int,
) -> tuple[np.ndarray, np.ndarray]:
    lows = np.zeros(len(t), np.int64)
    highs = np.zeros(len(t), np.int64)
    low = np.int64(0)
    high = np.int64(0)
    for p in range(len(t)):
        if entity[p] < 0:
            continue
        begin, end = starts[entity[p]], starts[entity[p] + 1]
        if p == 0 or entity[p] != entity[p - 1]:
            low = begin
            high = begin
        high = _after(enter, high, end, t[p])
        if window >= 0:
            low = _after(event_time, low, end, (t[p] - window) // hop * hop)
        lows[p] = low
        highs[p] = max(low, high)
    return lows, highs


@compiled
def _along(
    starts: np.ndarray,
    event_time: np.ndarray,
    enter: np.ndarray,
    leave: np.ndarray,
    simple: np.ndarray,
    entity: np.ndarray,
    t: np.ndarray,
    window: int,
    hop: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    room = 0
    for p in range(len(t)):
        if entity[p] >= 0 and (p == 0 or entity[p] != entity[p - 1]):
            room += 2 * (starts[entity[p] + 1] - starts[entity[p]])
    moved = np.empty(room, np.int64)
    bounds = np.zeros(len(t) + 1, np.int64)
    fresh = np.zeros(len(t), np.uint8)
    fifo = np.ones(len(t), np.uint8)
    size = 0
    first = 0
    while first < len(t):
        e = entity[first]
        last = first + 1
        while last < len(t) and entity[last] == e:
            last += 1
        fresh[first] = 1
        if e < 0:
            for p in range(first, last):
                fresh[p] = 1
                bounds[p + 1] = size
            first = last
            continue
        begin, end = starts[e], starts[e + 1]
        if simple[e]:
            search = (last - first) * _SEARCH < end - begin
            low = begin
            high = begin
            for p in range(first, last):
                next_low = low
                next_high = high
                edge = (t[p] - window) // hop * hop if window >= 0 else np.int64(0)
                if search:
                    next_high = _after(enter, high, end, t[p])
                    if window >= 0:
                        next_low = _after(event_time, low, end, edge)
                else:
                    while next_high < end and enter[next_high] <= t[p]:
                        next_high += 1
                    if window >= 0:
                        while next_low < end and event_time[next_low] <= edge:
                            next_low += 1
                for i in range(low, min(next_low, high)):
                    moved[size] = ~i
                    size += 1
                for i in range(max(high, next_low), next_high):
                    moved[size] = i
                    size += 1
                low = next_low
                high = next_high
                bounds[p + 1] = size
        else:
            entering = np.argsort(enter[begin:end], kind="mergesort")
            leaving = np.argsort(leave[begin:end], kind="mergesort") if len(leave) > 0 else entering
            inside = np.zeros(end - begin, np.uint8)
            low = begin
            entered = 0
            left = 0
            for p in range(first, last):
                fifo[p] = 0
                if window >= 0:
                    edge = (t[p] - window) // hop * hop
                    while low < end and event_time[low] <= edge:
                        if inside[low - begin]:
                            inside[low - begin] = 0
                            moved[size] = ~low
                            size += 1
                        low += 1
                if len(leave) > 0:
                    while left < len(leaving) and leave[begin + leaving[left]] <= t[p]:
                        i = begin + leaving[left]
                        left += 1
                        if inside[i - begin]:
                            inside[i - begin] = 0
                            moved[size] = ~i
                            size += 1
                while entered < len(entering) and enter[begin + entering[entered]] <= t[p]:
                    i = begin + entering[entered]
                    entered += 1
                    if i >= low and (len(leave) == 0 or leave[i] > t[p]):
                        inside[i - begin] = 1
                        moved[size] = i
                        size += 1
                bounds[p + 1] = size
        first = last
    return moved[:size], bounds, fresh, fifo


@compiled
def _apart(
    starts: np.ndarray,
    event_time: np.ndarray,
    known_at: np.ndarray,
    replaced: np.ndarray,
    replaced_event: np.ndarray,
    replaced_known: np.ndarray,
    entity: np.ndarray,
    t: np.ndarray,
    k: np.ndarray,
    window: int,
    hop: int,
) -> tuple[np.ndarray, np.ndarray]:
    low = np.zeros(len(t), np.int64)
    high = np.zeros(len(t), np.int64)
    room = 0
    for p in range(len(t)):
        if entity[p] < 0:
            continue
        begin, end = starts[entity[p]], starts[entity[p] + 1]
        low[p] = _after(event_time, begin, end, (t[p] - window) // hop * hop) if window >= 0 else begin
        high[p] = _after(event_time, begin, end, t[p])
        room += max(high[p] - low[p], 0)
    moved = np.empty(room, np.int64)
    bounds = np.zeros(len(t) + 1, np.int64)
    size = 0
    for p in range(len(t)):
        for i in range(low[p], high[p]):
            if known_at[i] > k[p]:
                continue
            gone = False
            if len(replaced) > 0:
                for j in range(replaced[i], replaced[i + 1]):
                    if replaced_event[j] <= t[p] and replaced_known[j] <= k[p]:
                        gone = True
                        break
            if not gone:
                moved[size] = i
                size += 1
        bounds[p + 1] = size
    return moved[:size], bounds
