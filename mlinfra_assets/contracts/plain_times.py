"""Compiled loops that read dates and times of one format, as `time_format` does, where they are plain.

A text that the loop is not sure of is left to `parse`: the message is then no longer vouched for.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np

from mlinfra_assets.connectors.json_scan import NONE, TEXT
from mlinfra_assets.contracts.time_format import Step, steps
from mlinfra_assets.feature_store.engine.compiled import compiled, compiled_part

Whole: TypeAlias = Any  # of NumPy or of Python: compiled they are one

SECOND = 1_000_000
DAY = 86_400 * SECOND
PARTS = {"year": 0, "month": 1, "day": 2, "hour": 3, "minute": 4, "second": 5, "fraction": 6, "zone": 7}
LITERAL = -1
MONTHS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31], np.int64)
EARLIEST, LATEST = 100, 9900
"""Years read here: in every zone they lie within what `parse` accepts."""


@lru_cache(maxsize=256)
def program(text: str | None) -> np.ndarray | None:
    """How to read texts of a format, int64[steps, 3]: part (or -1 and a byte), fewest and most digits.

    None: not in one go, because where one part ends depends on the next. ISO 8601, which has parts that may be left
    out, has no steps.
    """
    if text is None:
        return np.zeros((0, 3), np.int64)
    rows: list[tuple[int, int, int]] = []
    found = [step for step in steps(text) if step.part != "literal" or step.text]
    for step, after in zip(found, [*found[1:], Step("literal", text=" ")], strict=True):
        if step.part == "literal":
            rows += [(LITERAL, byte, 0) for byte in step.text.encode()]
            continue
        if step.least != step.most and (after.part != "literal" or after.text[:1].isdecimal()):
            return None
        rows.append((PARTS[step.part], step.least, step.most))
    return np.array(rows, np.int64)


@compiled_part
def _run(data: np.ndarray, i: Whole, end: Whole, least: Whole, most: Whole) -> tuple[Whole, Whole]:
    """Behind a run of digits (-1: too few), and their number."""
    number = 0
    first = i
    while i < end and i - first < most and 48 <= data[i] <= 57:
        number = number * 10 + np.int64(data[i] - 48)
        i += 1
    return (i if i - first >= least else -1), number


@compiled_part
def _zone(data: np.ndarray, i: Whole, end: Whole, part: np.ndarray) -> Whole:
    """Behind `Z` or `+hh:mm`; -1: neither. Takes up the offset in seconds, and that there is one."""
    if i < end and data[i] == 90:
        part[7] = 0
        part[8] = 1
        return i + 1
    if i + 6 > end or (data[i] != 43 and data[i] != 45) or data[i + 3] != 58:
        return -1
    after, hours = _run(data, i + 1, end, 2, 2)
    if after < 0:
        return -1
    after, minutes = _run(data, i + 4, end, 2, 2)
    if after < 0 or hours > 23 or minutes > 59:
        return -1
    seconds = hours * 3600 + minutes * 60
    part[7] = -seconds if data[i] == 45 else seconds
    part[8] = 1
    return after


@compiled_part
def _fraction(data: np.ndarray, i: Whole, end: Whole, least: Whole, most: Whole, part: np.ndarray) -> Whole:
    after, number = _run(data, i, end, least, most)
    if after >= 0:
        for _ in range(6 - (after - i)):
            number *= 10
        part[6] = number
    return after


@compiled_part
def _iso(data: np.ndarray, i: Whole, end: Whole, with_time: Whole, part: np.ndarray) -> Whole:
    i, part[0] = _run(data, i, end, 4, 4)
    for p in range(1, 3):
        if i < 0 or i >= end or data[i] != 45:
            return -1
        i, part[p] = _run(data, i + 1, end, 2, 2)
    if i < 0 or not with_time:
        return i
    if i >= end or (data[i] != 84 and data[i] != 32):
        return -1
    i, part[3] = _run(data, i + 1, end, 2, 2)
    if i < 0 or i >= end or data[i] != 58:
        return -1
    i, part[4] = _run(data, i + 1, end, 2, 2)
    if 0 <= i < end and data[i] == 58:
        i, part[5] = _run(data, i + 1, end, 2, 2)
        if 0 <= i < end and data[i] == 46:
            i = _fraction(data, i + 1, end, 1, 6, part)
    if 0 <= i < end:
        i = _zone(data, i, end, part)
    return i


@compiled_part
def _days(year: Whole, month: Whole, day: Whole) -> Whole:
    """Days since 1970-01-01 of a day in the Gregorian calendar."""
    y = year - 1 if month <= 2 else year
    era = y // 400
    of_era = y - era * 400
    of_year = (153 * (month - 3 if month > 2 else month + 9) + 2) // 5 + day - 1
    return era * 146_097 + of_era * 365 + of_era // 4 - of_era // 100 + of_year - 719_468


@compiled
def times(
    data: np.ndarray,
    kinds: np.ndarray,
    begins: np.ndarray,
    ends: np.ndarray,
    read: np.ndarray,
    months: np.ndarray,
    with_time: Whole,
    empty_is_null: Whole,
    vouched: np.ndarray,
    valid: np.ndarray,
    micros: np.ndarray,
    local: np.ndarray,
) -> None:
    """Dates and times in microseconds since the epoch.

    Args:
        data: The messages' bytes.
        kinds: Kind of each value, uint8[n].
        begins: Where it begins, uint32[n].
        ends: Where it ends, uint32[n].
        read: The `program`.
        months: `MONTHS`.
        with_time: Whether ISO texts hold a time of day.
        empty_is_null: Whether an empty text stands for null.
        vouched: Messages looked at, bool[n].
        valid: Filled, bool[n].
        micros: Filled, int64[n]: in UTC, or by the clock on the wall.
        local: Filled, bool[n]: whether by the clock on the wall.
    """
    part = np.zeros(9, np.int64)
    for r in range(len(kinds)):
        if not vouched[r] or kinds[r] == NONE:
            continue
        i = np.int64(begins[r])
        end = np.int64(ends[r])
        if kinds[r] != TEXT:
            vouched[r] = False
            continue
        if i == end and empty_is_null:
            continue
        part[:] = 0
        if len(read) == 0:
            i = _iso(data, i, end, with_time, part)
        for s in range(len(read)):
            if read[s, 0] == LITERAL:
                i = i + 1 if i < end and np.int64(data[i]) == read[s, 1] else -1
            elif read[s, 0] == 6:
                i = _fraction(data, i, end, read[s, 1], read[s, 2], part)
            elif read[s, 0] == 7:
                i = _zone(data, i, end, part)
            else:
                i, part[read[s, 0]] = _run(data, i, end, read[s, 1], read[s, 2])
            if i < 0:
                break
        year, month, day = part[0], part[1], part[2]
        sure = i == end and EARLIEST <= year <= LATEST and 1 <= month <= 12 and day >= 1
        if sure:
            leap = month == 2 and year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
            sure = day <= months[month - 1] + leap and part[3] < 24 and part[4] < 60 and part[5] < 60
        if not sure:
            vouched[r] = False
            continue
        seconds = part[3] * 3600 + part[4] * 60 + part[5] - part[7]
        micros[r] = _days(year, month, day) * DAY + seconds * SECOND + part[6]
        local[r] = part[8] == 0
        valid[r] = True
