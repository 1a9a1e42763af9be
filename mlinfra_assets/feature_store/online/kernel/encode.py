"""Rows into the bytes of bases, many entities at once."""

from __future__ import annotations

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled_part
from mlinfra_assets.feature_store.online.kernel import form
from mlinfra_assets.feature_store.online.kernel.memory import (
    Number,
    checksum,
    load_64,
    load_u8,
    store_8,
    store_16,
    store_32,
    store_64,
)

CHECKSUM, HEAD, REPLACED, PARTITIONS = form.CHECKSUM, form.HEAD, form.REPLACED, form.PARTITIONS
SHORT_LAG, LONG_LAG, VALIDITY, FLOAT, TEXT = form.SHORT_LAG, form.LONG_LAG, form.VALIDITY, form.FLOAT, form.TEXT
VALUES, VALID, BEGINS, USED, WORDS, ENDS = range(6)
"""Of a column: where its values and validity are; of strings also where each entity's words begin among those that are
used, which words these are, the bytes of all words, and where each ends."""


@compiled_part
def room_for(
    first: Number, last: Number, starts: np.ndarray, forms: np.ndarray, columns: np.ndarray, replaced: np.ndarray
) -> int:
    """Bytes that the bases of entities first to last (exclusive) take at most."""
    rows = starts[last] - starts[first]
    room = (last - first) * (HEAD + len(forms)) + rows * (20 + 9 * len(forms))
    for j in range(len(forms)):
        if forms[j] == TEXT:
            room += 4 * (last - first)
            for w in range(load_64(columns[j, BEGINS] + 8 * first), load_64(columns[j, BEGINS] + 8 * last)):
                room += 4 + _word_size(columns, j, load_64(columns[j, USED] + 8 * w))
    if len(replaced) > 0:
        room += 8 * (rows + last - first) + 16 * (replaced[starts[last]] - replaced[starts[first]])
    return room


@compiled_part
def encode_bases(
    first: Number,
    last: Number,
    seed: Number,
    starts: np.ndarray,
    event_time: np.ndarray,
    known_at: np.ndarray,
    partition: np.ndarray,
    forms: np.ndarray,
    columns: np.ndarray,
    replaced: np.ndarray,
    replaced_event: np.ndarray,
    replaced_known: np.ndarray,
    has_replaced: Number,
    data: np.ndarray,
    ends: np.ndarray,
) -> None:
    """Write the bases of entities first to last (exclusive), one after the other.

    Args:
        first: The first entity.
        last: The first behind them.
        seed: What the checksums start from.
        starts: As in `PreparedRows`, like those that follow.
        event_time: As in `PreparedRows`.
        known_at: As in `PreparedRows`.
        partition: As in `PreparedRows`; empty: all rows are of partition 0.
        forms: int64[columns], how values stand.
        columns: int64[columns, 6], addresses.
        replaced: Offsets as in `Replacements`.
        replaced_event: As in `Replacements`.
        replaced_known: As in `Replacements`.
        has_replaced: Whether rows can be replaced.
        data: uint8[at least what `room_for` says], filled.
        ends: int64[last - first], filled: where each ends.
    """
    origin = data.ctypes.data
    at = origin
    for e in range(first, last):
        begin = at
        low, high = starts[e], starts[e + 1]
        count = high - low
        flags = REPLACED if has_replaced else 0
        widest = 0
        for i in range(low, high):
            widest = max(widest, abs(known_at[i] - event_time[i]))
        if widest > 0:
            flags |= SHORT_LAG if widest < 2**31 else LONG_LAG
        parted = False
        if len(partition) > 0:
            for i in range(low, high):
                parted = parted or partition[i] != 0
        if parted:
            flags |= PARTITIONS
        store_8(begin + CHECKSUM, flags)
        store_32(begin + CHECKSUM + 1, count)
        at = begin + HEAD + len(forms)
        for i in range(low, high):
            store_64(at, event_time[i])
            at += 8
        if widest > 0:
            for i in range(low, high):
                if widest < 2**31:
                    store_32(at, known_at[i] - event_time[i])
                    at += 4
                else:
                    store_64(at, known_at[i] - event_time[i])
                    at += 8
        if parted:
            for i in range(low, high):
                store_32(at, partition[i])
                at += 4
        for j in range(len(forms)):
            at = _encode_column(begin + HEAD + j, at, e, low, high, forms[j], columns, j)
        if has_replaced:
            base = replaced[low]
            for i in range(low, high + 1):
                store_64(at, replaced[i] - base)
                at += 8
            for i in range(base, replaced[high]):
                store_64(at, replaced_event[i])
                at += 8
            for i in range(base, replaced[high]):
                store_64(at, replaced_known[i])
                at += 8
        store_64(begin, checksum(begin + CHECKSUM, at - begin - CHECKSUM, seed))
        ends[e - first] = at - origin


@compiled_part
def _encode_column(
    how_at: Number, at: Number, entity: Number, low: Number, high: Number, kind: Number, columns: np.ndarray, j: Number
) -> int:
    values, valid = columns[j, VALUES], columns[j, VALID]
    least = np.int64(0)
    most = np.int64(0)
    there = True
    for i in range(low, high):
        value = load_64(values + 8 * i)
        least = min(least, value)
        most = max(most, value)
        there = there and load_u8(valid + i) == 1
    half = 1 if kind != TEXT else 0
    width = 3
    for narrow in range(2, -1, -1):
        bits = (8 << narrow) - half
        if least >= -(half << bits) and most < (np.int64(1) << bits):
            width = narrow
    if kind == FLOAT:
        width = 3
    store_8(how_at, width | (0 if there else VALIDITY))
    if not there:
        for i in range(low, high):
            store_8(at, load_u8(valid + i))
            at += 1
    for i in range(low, high):
        value = load_64(values + 8 * i)
        if width == 3:
            store_64(at, value)
        elif width == 2:
            store_32(at, value)
        elif width == 1:
            store_16(at, value)
        else:
            store_8(at, value)
        at += 1 << width
    if kind == TEXT:
        begin, end = load_64(columns[j, BEGINS] + 8 * entity), load_64(columns[j, BEGINS] + 8 * entity + 8)
        store_32(at, end - begin)
        at += 4
        for w in range(begin, end):
            word = load_64(columns[j, USED] + 8 * w)
            size = _word_size(columns, j, word)
            text = columns[j, WORDS] + load_64(columns[j, ENDS] + 8 * word)
            store_32(at, size)
            at += 4
            for i in range(size):
                store_8(at + i, load_u8(text + i))
            at += size
    return at


@compiled_part
def _word_size(columns: np.ndarray, j: Number, word: Number) -> int:
    return load_64(columns[j, ENDS] + 8 * word + 8) - load_64(columns[j, ENDS] + 8 * word)
