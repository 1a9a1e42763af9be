"""Compiled loops that turn plain values of JSON messages into a field's type, as `parse` does.

Whatever a loop is not sure of, a wrong value above all, is left to `parse`: the message is then no longer vouched for.
A loop looks at the messages in `vouched` and takes those out that it leaves; `valid` says where there is a value.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from mlinfra_assets.connectors.json_scan import ESCAPED, FALSE, FRACTION, LONG, NONE, TEXT, TRUE, WHOLE
from mlinfra_assets.feature_store.engine.compiled import compiled, compiled_part

Whole: TypeAlias = Any  # of NumPy or of Python: compiled they are one

INLINE = 12
"""Bytes of a text that an Arrow view holds by itself."""
TENS = np.array([10**k for k in range(19)], np.int64)


@compiled_part
def _hex(byte: Whole) -> Whole:
    if 48 <= byte <= 57:
        return byte - 48
    return byte - 55 if byte <= 70 else byte - 87


@compiled_part
def _unescaped(data: np.ndarray, i: Whole, end: Whole, out: np.ndarray, at: Whole) -> Whole:
    """Write a text that is known to be right without its backslashes; where it ends in `out`."""
    while i < end:
        c = data[i]
        i += 1
        if c != 92:
            out[at] = c
            at += 1
            continue
        c = data[i]
        i += 1
        if c == 117:
            code = 0
            for k in range(4):
                code = code * 16 + _hex(np.int64(data[i + k]))
            i += 4
            if code < 0x80:
                out[at] = code
                at += 1
            elif code < 0x800:
                out[at] = 0xC0 | (code >> 6)
                out[at + 1] = 0x80 | (code & 0x3F)
                at += 2
            else:
                out[at] = 0xE0 | (code >> 12)
                out[at + 1] = 0x80 | ((code >> 6) & 0x3F)
                out[at + 2] = 0x80 | (code & 0x3F)
                at += 3
            continue
        if c == 98:
            c = np.uint8(8)
        elif c == 102:
            c = np.uint8(12)
        elif c == 110:
            c = np.uint8(10)
        elif c == 114:
            c = np.uint8(13)
        elif c == 116:
            c = np.uint8(9)
        out[at] = c
        at += 1
    return at


@compiled
def texts(
    data: np.ndarray,
    kinds: np.ndarray,
    begins: np.ndarray,
    ends: np.ndarray,
    empty_is_null: Whole,
    vouched: np.ndarray,
    valid: np.ndarray,
    views: np.ndarray,
    heap: np.ndarray,
) -> Whole:
    """Texts as Arrow views.

    Args:
        data: The messages' bytes.
        kinds: Kind of each value, uint8[n].
        begins: Where it begins, uint32[n].
        ends: Where it ends, uint32[n].
        empty_is_null: Whether an empty text stands for null.
        vouched: Messages looked at, bool[n].
        valid: Filled, bool[n].
        views: Filled, zeros before, int32[n, 4].
        heap: Filled with the bytes that the views refer to; as large as all texts together.

    Returns:
        How much of `heap` is used.
    """
    used = 0
    short = np.zeros(INLINE * 6, np.uint8)
    for r in range(len(kinds)):
        if not vouched[r] or kinds[r] == NONE:
            continue
        if kinds[r] != TEXT and kinds[r] != ESCAPED:
            vouched[r] = False
            continue
        begin = np.int64(begins[r])
        end = np.int64(ends[r])
        if begin == end and empty_is_null:
            continue
        valid[r] = True
        place = used
        if kinds[r] == ESCAPED:
            stop = _unescaped(data, begin, end, heap, place)
        else:
            stop = place + end - begin
            for k in range(end - begin):
                heap[place + k] = data[begin + k]
        length = stop - place
        views[r, 0] = length
        if length <= INLINE:
            for k in range(length):
                short[k] = heap[place + k]
            for k in range(length, INLINE):
                short[k] = 0
            for w in range(3):
                word = np.int32(0)
                for k in range(4):
                    word |= np.int32(short[4 * w + k]) << np.int32(8 * k)
                views[r, 1 + w] = word
        else:
            word = np.int32(0)
            for k in range(4):
                word |= np.int32(heap[place + k]) << np.int32(8 * k)
            views[r, 1] = word
            views[r, 3] = place
            used = stop
    return used


@compiled_part
def _decimal(data: np.ndarray, i: Whole, end: Whole, scale: Whole) -> tuple[Whole, Whole, Whole]:
    """A number without exponent in units of 10 ** -scale: whether it is one for sure, whether below zero, how many."""
    negative = i < end and data[i] == 45
    if negative:
        i += 1
    first = i
    units = np.int64(0)
    while i < end and 48 <= data[i] <= 57:
        if i - first >= 18:
            return False, negative, units
        units = units * 10 + np.int64(data[i] - 48)
        i += 1
    if i == first or units >= TENS[18 - scale]:
        return False, negative, units
    units *= TENS[scale]
    if i < end:
        if data[i] != 46 or i + 1 == end or end - i > 40:
            return False, negative, units
        i += 1
        weight = scale
        while i < end:
            if not 48 <= data[i] <= 57:
                return False, negative, units
            digit = np.int64(data[i] - 48)
            weight -= 1
            if weight >= 0:
                units += digit * TENS[weight]
            elif digit:
                return False, negative, units
            i += 1
    return True, negative, units


@compiled
def decimals(
    data: np.ndarray,
    kinds: np.ndarray,
    begins: np.ndarray,
    ends: np.ndarray,
    scale: Whole,
    empty_is_null: Whole,
    vouched: np.ndarray,
    valid: np.ndarray,
    low: np.ndarray,
) -> None:
    """Whole numbers and decimals of up to 18 digits, in units of 10 ** -scale, into `low` (int64[n]).

    The other arguments are those of `texts`.
    """
    for r in range(len(kinds)):
        if not vouched[r] or kinds[r] == NONE:
            continue
        begin = np.int64(begins[r])
        end = np.int64(ends[r])
        if kinds[r] == TEXT and begin == end and empty_is_null:
            continue
        sure = kinds[r] == WHOLE or kinds[r] == FRACTION or kinds[r] == TEXT
        if sure:
            sure, negative, units = _decimal(data, begin, end, scale)
            low[r] = -units if negative else units
        if sure:
            valid[r] = True
        else:
            vouched[r] = False


@compiled
def doubles(
    data: np.ndarray,
    kinds: np.ndarray,
    begins: np.ndarray,
    ends: np.ndarray,
    powers: np.ndarray,
    empty_is_null: Whole,
    vouched: np.ndarray,
    valid: np.ndarray,
    values: np.ndarray,
    long: np.ndarray,
) -> None:
    """Numbers of up to 15 digits into `values` (float64[n]): both their digits and the power of ten are doubles.

    Marks in `long` (bool[n]) the numbers that need more care. `powers`: 10 ** k for k up to 15, float64. The other
    arguments are those of `texts`.
    """
    for r in range(len(kinds)):
        if not vouched[r] or kinds[r] == NONE:
            continue
        i = np.int64(begins[r])
        end = np.int64(ends[r])
        kind = kinds[r]
        if kind == TEXT and i == end and empty_is_null:
            continue
        if kind == LONG:
            long[r] = True
            valid[r] = True
            continue
        sure = kind in (WHOLE, FRACTION, TEXT)
        negative = sure and i < end and data[i] == 45
        if negative:
            i += 1
        digits = np.int64(0)
        count = 0
        point = np.int64(-1)
        first = i
        while sure and i < end:
            c = data[i]
            if 48 <= c <= 57:
                digits = digits * 10 + np.int64(c - 48)
                count += 1
                sure = count <= 15
            elif c == 46 and point < 0 and i > first and i + 1 < end:
                point = i
            else:
                sure = False
            i += 1
        if not sure or count == 0:
            vouched[r] = False
            continue
        number = np.float64(digits)
        if point >= 0:
            number /= powers[end - point - 1]
        values[r] = -number if negative else number
        valid[r] = True


@compiled
def booleans(
    data: np.ndarray,
    kinds: np.ndarray,
    begins: np.ndarray,
    ends: np.ndarray,
    empty_is_null: Whole,
    vouched: np.ndarray,
    valid: np.ndarray,
    values: np.ndarray,
) -> None:
    """True and false, also as text, into `values` (bool[n]). The other arguments are those of `texts`."""
    for r in range(len(kinds)):
        if not vouched[r] or kinds[r] == NONE:
            continue
        begin = np.int64(begins[r])
        length = np.int64(ends[r]) - begin
        if kinds[r] == TEXT and length == 0 and empty_is_null:
            continue
        truth = kinds[r] == TRUE
        falsity = kinds[r] == FALSE
        if kinds[r] == TEXT and length == 4:
            truth = data[begin] == 116 and data[begin + 1] == 114 and data[begin + 2] == 117 and data[begin + 3] == 101
        if kinds[r] == TEXT and length == 5:
            falsity = data[begin] == 102 and data[begin + 1] == 97 and data[begin + 2] == 108
            falsity = falsity and data[begin + 3] == 115 and data[begin + 4] == 101
        if truth or falsity:
            values[r] = truth
            valid[r] = True
        else:
            vouched[r] = False
