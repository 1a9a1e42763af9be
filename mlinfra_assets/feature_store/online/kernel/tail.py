"""The records of a tail taken apart, and put among the rows of the base in the one order of rows."""

from __future__ import annotations

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled_part
from mlinfra_assets.feature_store.online.kernel.base import DAMAGED, FLOAT, REF_BITS, TEXT
from mlinfra_assets.feature_store.online.kernel.memory import Number, checksum, load_32, load_64, load_u8, load_u32

SEALED = 12
"""Bytes of a record's length and checksum."""
COORDINATES = 32
"""Event time, known-at time, partition, offset, row."""
_NARROW = 2**31


@compiled_part
def tail_room(size: Number, columns: Number) -> int:
    """How many records a tail of so many bytes has at most."""
    return size // (SEALED + COORDINATES + 9 * columns)


@compiled_part
def read_tail(
    origin: Number,
    address: Number,
    size: Number,
    seed: Number,
    t: Number,
    past: np.ndarray,
    forms: np.ndarray,
    places: np.ndarray,
    rows: Number,
    order: np.ndarray,
    seen: np.ndarray,
    values: np.ndarray,
    validity: np.ndarray,
    flat: np.ndarray,
    words: np.ndarray,
    texts: np.ndarray,
) -> int:
    """Add the records that count to the rows of the base.

    Args:
        origin: As in `read_base`, like all that is not named here.
        address: Where the tail begins.
        size: How long it is, bytes.
        seed: What the checksums of its records start from.
        t: As in `read_base`.
        past: int64[partitions, 3]: of each the offset past which and up to which records count.
        forms: As in `read_base`.
        places: As in `read_base`.
        rows: How many rows the base has.
        order: int64[5, room]: event time, known-at time, partition, offset and row of each row; the base's have the
            offset -1.
        seen: As in `read_base`.
        values: As in `read_base`.
        validity: As in `read_base`.
        flat: As in `read_base`.
        words: As in `read_base`.
        texts: As in `read_base`.

    Returns:
        The number of rows; `DAMAGED` if these are no records of the view.
    """
    columns = len(forms)
    fixed = SEALED + COORDINATES + 9 * columns
    at = address
    end = address + size
    while at < end:
        if end - at < fixed:
            return DAMAGED
        length = load_u32(at)
        if length < fixed or length > end - at:
            return DAMAGED
        if load_64(at + 4) != checksum(at + SEALED, length - SEALED, seed):
            return DAMAGED
        event_time, known_at = load_64(at + SEALED), load_64(at + SEALED + 8)
        partition, offset = load_32(at + SEALED + 16), load_64(at + SEALED + 20)
        row = load_32(at + SEALED + 28)
        counts = False
        for p in range(len(past)):
            counts = counts or (past[p, 0] == partition and past[p, 1] < offset <= past[p, 2])
        valid_at = at + SEALED + COORDINATES
        values_at = valid_at + columns
        text_at = at + fixed
        record_end = at + length
        place_of = rows
        if counts:
            while place_of > 0 and _before(event_time, known_at, partition, offset, row, order[:, place_of - 1]):
                place_of -= 1
            _shift(order, seen, values, validity, place_of, rows, len(flat) - 1)
            order[0, place_of] = event_time
            order[1, place_of] = known_at
            order[2, place_of] = partition
            order[3, place_of] = offset
            order[4, place_of] = row
            seen[place_of] = event_time <= t and known_at <= t
            rows += 1
        for j in range(columns):
            value = load_64(values_at + 8 * j)
            found = load_u8(valid_at + j)
            if found > 2 or (found == 2 and forms[j] != FLOAT):
                return DAMAGED
            place = places[j]
            if forms[j] == TEXT:
                if value < 0 or value > record_end - text_at:
                    return DAMAGED
                if counts and place >= 0:
                    words[texts[0]] = ((text_at - origin) << REF_BITS) | value
                    values[place, place_of] = texts[0] - flat[place, 2]
                    texts[0] += 1
                text_at += value
            elif counts and place >= 0:
                values[place, place_of] = value
                if value >= _NARROW or value < -_NARROW:
                    flat[place, 1] = 8
            if counts and place >= 0:
                validity[place, place_of] = found
                flat[place, 0] &= found == 1
        if text_at != record_end:
            return DAMAGED
        at += length
    return rows


@compiled_part
def _before(
    event_time: Number, known_at: Number, partition: Number, offset: Number, row: Number, other: np.ndarray
) -> bool:
    if event_time != other[0]:
        return event_time < other[0]
    if known_at != other[1]:
        return known_at < other[1]
    if partition != other[2]:
        return partition < other[2]
    if offset != other[3]:
        return offset < other[3]
    return row < other[4]


@compiled_part
def _shift(
    order: np.ndarray,
    seen: np.ndarray,
    values: np.ndarray,
    validity: np.ndarray,
    place: Number,
    rows: Number,
    columns: Number,
) -> None:
    """Make room for a row at a place."""
    for i in range(rows, place, -1):
        for c in range(5):
            order[c, i] = order[c, i - 1]
        seen[i] = seen[i - 1]
        for j in range(columns):
            values[j, i] = values[j, i - 1]
            validity[j, i] = validity[j, i - 1]
