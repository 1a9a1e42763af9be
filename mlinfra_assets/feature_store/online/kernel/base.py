"""A base taken apart: its rows into arrays, or the finding that it is none."""

from __future__ import annotations

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled_part
from mlinfra_assets.feature_store.online.kernel import form
from mlinfra_assets.feature_store.online.kernel.memory import (
    Number,
    checksum,
    load_8,
    load_16,
    load_32,
    load_64,
    load_u8,
    load_u16,
    load_u32,
)

DAMAGED = -1
CHECKSUM, HEAD, FLAGS, REPLACED = form.CHECKSUM, form.HEAD, form.FLAGS, form.REPLACED
PARTITIONS = form.PARTITIONS
SHORT_LAG, LONG_LAG, VALIDITY = form.SHORT_LAG, form.LONG_LAG, form.VALIDITY
FLOAT, TEXT = form.FLOAT, form.TEXT
REF_BITS = 30
"""A text is a number: where in all bytes it begins, and in the lowest bits how many bytes it has."""


@compiled_part
def rows_of(address: Number, size: Number, columns: Number) -> int:
    """The number of rows that a base says it has, if there is room for their times in it."""
    if size < HEAD + columns:
        return DAMAGED
    count = load_u32(address + CHECKSUM + 1)
    return count if count <= (size - HEAD - columns) // 8 else DAMAGED


@compiled_part
def read_base(
    origin: Number,
    address: Number,
    size: Number,
    seed: Number,
    t: Number,
    forms: np.ndarray,
    places: np.ndarray,
    order: np.ndarray,
    seen: np.ndarray,
    values: np.ndarray,
    validity: np.ndarray,
    flat: np.ndarray,
    words: np.ndarray,
    texts: np.ndarray,
) -> int:
    """Read one base.

    Args:
        origin: Where the bytes of all bases begin.
        address: Where this one begins.
        size: How long it is, bytes.
        seed: What its checksum starts from.
        t: The moment asked about, microseconds since 1970 UTC.
        forms: int64[columns], of the view.
        places: int64[columns], where each column goes; -1: nowhere.
        order: int64[5, room], filled: event time, known-at time, partition, offset (-1) and place of each row.
        seen: uint8[room], filled: whether a row counts at t as known at t.
        values: int64[wanted, room], filled; doubles as their bits.
        validity: uint8[wanted, room], filled.
        flat: int64[wanted, 3], filled: whether all values are there (1), how wide they are, where its words begin.
        words: int64[room for words], filled with texts.
        texts: int64[1], how many words there are; counted on.

    Returns:
        The number of rows; `DAMAGED` if this is no base of the view.
    """
    columns = len(forms)
    count = rows_of(address, size, columns)
    if count < 0 or load_64(address) != checksum(address + CHECKSUM, size - CHECKSUM, seed):
        return DAMAGED
    flags = load_u8(address + CHECKSUM)
    lag = 4 if flags & SHORT_LAG else 8 if flags & LONG_LAG else 0
    if flags & ~FLAGS or flags & (SHORT_LAG | LONG_LAG) == SHORT_LAG | LONG_LAG:
        return DAMAGED
    at = address + HEAD + columns
    end = address + size
    parted = 4 if flags & PARTITIONS else 0
    if count > (end - at) // (8 + lag + parted):
        return DAMAGED
    times = at
    lags = times + 8 * count
    partitions = lags + lag * count
    at = partitions + parted * count
    for i in range(count):
        event_time = load_64(times + 8 * i)
        known_at = event_time
        if lag == 4:
            known_at += load_32(lags + 4 * i)
        elif lag == 8:
            known_at += load_64(lags + 8 * i)
        order[0, i] = event_time
        order[1, i] = known_at
        order[2, i] = load_32(partitions + 4 * i) if parted else 0
        order[3, i] = -1
        order[4, i] = i
        seen[i] = event_time <= t and known_at <= t
    for j in range(columns):
        how = load_u8(address + HEAD + j)
        width = 1 << (how & 3)
        if how & ~(VALIDITY | 3) or (forms[j] == FLOAT and width != 8):
            return DAMAGED
        if count > (end - at) // (width + (1 if how & VALIDITY else 0)):
            return DAMAGED
        place = places[j]
        valid_at = at
        if how & VALIDITY:
            at += count
        if place >= 0:
            there = 1
            for i in range(count):
                found = load_u8(valid_at + i) if how & VALIDITY else 1
                if found > 2 or (found == 2 and forms[j] != FLOAT):
                    return DAMAGED
                validity[place, i] = found
                there &= found == 1
            flat[place, 0] = there
            flat[place, 1] = width
            _read_values(at, count, width, forms[j] == TEXT, values[place])
        at += width * count
        if forms[j] == TEXT:
            at = _read_words(origin, at, end, count, place, values, validity, flat, words, texts)
            if at < 0:
                return DAMAGED
    if flags & REPLACED:
        at = _hide_replaced(at, end, count, t, seen)
    return count if at == end else DAMAGED


@compiled_part
def _read_values(at: Number, count: Number, width: Number, unsigned: Number, values: np.ndarray) -> None:
    if width == 8:
        for i in range(count):
            values[i] = load_64(at + 8 * i)
    elif width == 4:
        for i in range(count):
            values[i] = load_u32(at + 4 * i) if unsigned else load_32(at + 4 * i)
    elif width == 2:
        for i in range(count):
            values[i] = load_u16(at + 2 * i) if unsigned else load_16(at + 2 * i)
    else:
        for i in range(count):
            values[i] = load_u8(at + i) if unsigned else load_8(at + i)


@compiled_part
def _read_words(
    origin: Number,
    at: Number,
    end: Number,
    count: Number,
    place: Number,
    values: np.ndarray,
    validity: np.ndarray,
    flat: np.ndarray,
    words: np.ndarray,
    texts: np.ndarray,
) -> int:
    """The dictionary of a string column; where it ends, -1 if it is none."""
    if end - at < 4:
        return DAMAGED
    number = load_u32(at)
    at += 4
    if number > (end - at) // 4:
        return DAMAGED
    begin = texts[0]
    for _ in range(number):
        if end - at < 4 or load_u32(at) > end - at - 4:
            return DAMAGED
        length = load_u32(at)
        if place >= 0:
            if length >> REF_BITS:
                return DAMAGED
            words[texts[0]] = ((at + 4 - origin) << REF_BITS) | length
            texts[0] += 1
        at += 4 + length
    if place >= 0:
        flat[place, 2] = begin
        for i in range(count):
            if values[place, i] >= number and (validity[place, i] == 1 or values[place, i] != 0):
                return DAMAGED
    return at


@compiled_part
def _hide_replaced(at: Number, end: Number, count: Number, t: Number, seen: np.ndarray) -> int:
    """Rows whose place a later version has taken are not seen; where this ends, -1 if it is none."""
    if end - at < 8 * (count + 1):
        return DAMAGED
    offsets = at
    replacing = load_64(at + 8 * count)
    at += 8 * (count + 1)
    if load_64(offsets) != 0 or replacing < 0 or replacing > (end - at) // 16:
        return DAMAGED
    known = at + 8 * replacing
    for i in range(count):
        first, last = load_64(offsets + 8 * i), load_64(offsets + 8 * i + 8)
        if first < 0 or last < first or last > replacing:
            return DAMAGED
        for j in range(first, last):
            if load_64(at + 8 * j) <= t and load_64(known + 8 * j) <= t:
                seen[i] = 0
                break
    return at + 16 * replacing
