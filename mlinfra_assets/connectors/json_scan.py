"""Compiled loops over JSON messages: where the value of each field stands, without making objects of them.

A message is vouched for only if it is a JSON object beyond doubt; everything else (a wrong message, an escaped name, a
surrogate, a number of uncommon size) is left to `json_lines.decode_message`, which alone says what a message means.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np

from mlinfra_assets.feature_store.engine.compiled import compiled, compiled_part

Whole: TypeAlias = Any  # of NumPy or of Python: compiled they are one

NONE = 0
"""Kind of a value that is null, or that the message does not have."""
TEXT = 1
ESCAPED = 2
"""Text with a backslash in it."""
WHOLE = 3
"""Up to 18 digits, but not -0."""
FRACTION = 4
"""Up to 15 digits with a point among them."""
LONG = 5
"""A finite number with an exponent, or of more digits, with a point."""
TRUE = 6
FALSE = 7
OBJECT = 8
LIST = 9
OTHER = 10
"""A number without point or exponent that is no `WHOLE`."""

LEFT = 0
"""Verdict on a message: left to the definition."""
VOUCHED = 1
NEW_NAME = 2
"""Verdict on a message: it has a field whose name is not among those given."""

DEEPEST = 31
"""Levels that a field's value may have, so that the message has at most 32."""
LONGEST = 100
"""Characters of a number; its value is finite also with an exponent of two digits."""

_PLAIN = np.array([32 <= byte < 128 and byte not in b'"\\' for byte in range(256)])
"""Whether a byte is a character of a text by itself."""

_QUOTE, _BACKSLASH, _COMMA, _COLON = 34, 92, 44, 58
_OPEN, _CLOSE, _OPEN_LIST, _CLOSE_LIST = 123, 125, 91, 93


@compiled_part
def _blank(data: np.ndarray, i: Whole, end: Whole) -> Whole:
    while i < end and (data[i] == 32 or data[i] == 10 or data[i] == 13 or data[i] == 9):
        i += 1
    return i


@compiled_part
def _hex(byte: Whole) -> Whole:
    if 48 <= byte <= 57:
        return byte - 48
    if 65 <= byte <= 70:
        return byte - 55
    return byte - 87 if 97 <= byte <= 102 else -1


@compiled_part
def _more(data: np.ndarray, i: Whole, end: Whole) -> Whole:
    """How many bytes follow the one at `i` in a character of several; -1: that is not UTF-8 (RFC 3629)."""
    lead = data[i]
    count = 1 if 0xC2 <= lead <= 0xDF else 2 if 0xE0 <= lead <= 0xEF else 3 if 0xF0 <= lead <= 0xF4 else -1
    if count < 0 or i + count >= end:
        return -1
    for k in range(1, count + 1):
        if data[i + k] & 0xC0 != 0x80:
            return -1
    second = data[i + 1]
    if (lead == 0xE0 and second < 0xA0) or (lead == 0xED and second > 0x9F):
        return -1
    if (lead == 0xF0 and second < 0x90) or (lead == 0xF4 and second > 0x8F):
        return -1
    return count


@compiled_part
def _text(data: np.ndarray, i: Whole, end: Whole) -> tuple[Whole, Whole]:
    """Where a text ends whose first character is at `i` (-1: it is not vouched for), and its kind."""
    kind = TEXT
    while i < end:
        c = data[i]
        if _PLAIN[c]:
            i += 1
            continue
        if c == _QUOTE:
            return i, kind
        if c < 32:
            return -1, kind
        if c == _BACKSLASH:
            kind = ESCAPED
            i += 1
            if i >= end:
                return -1, kind
            c = data[i]
            if c == 117:
                if i + 4 >= end:
                    return -1, kind
                code = 0
                for k in range(1, 5):
                    digit = _hex(np.int64(data[i + k]))
                    if digit < 0:
                        return -1, kind
                    code = code * 16 + digit
                if code == 0 or 0xD800 <= code <= 0xDFFF:
                    return -1, kind
                i += 4
            elif not (c == 34 or c == 92 or c == 47 or c == 98 or c == 102 or c == 110 or c == 114 or c == 116):
                return -1, kind
        else:
            more = _more(data, i, end)
            if more < 0:
                return -1, kind
            i += more
        i += 1
    return -1, kind


@compiled_part
def _digits(data: np.ndarray, i: Whole, end: Whole) -> Whole:
    while i < end and 48 <= data[i] <= 57:
        i += 1
    return i


@compiled_part
def _number(data: np.ndarray, i: Whole, end: Whole) -> tuple[Whole, Whole]:
    """Behind a number that begins at `i` (-1: it is not vouched for), and its kind."""
    start = i
    negative = data[i] == 45
    if negative:
        i += 1
    first = i
    i = _digits(data, i, end)
    whole = i - first
    if whole == 0 or (whole > 1 and data[first] == 48):
        return -1, OTHER
    fraction = 0
    if i < end and data[i] == 46:
        point = i + 1
        i = _digits(data, point, end)
        fraction = i - point
        if fraction == 0:
            return -1, OTHER
    exponent = False
    if i < end and (data[i] == 101 or data[i] == 69):
        exponent = True
        i += 1
        if i < end and (data[i] == 43 or data[i] == 45):
            i += 1
        power = i
        i = _digits(data, i, end)
        if not 1 <= i - power <= 2:
            return -1, OTHER
    if i - start > LONGEST:
        return -1, OTHER
    if exponent:
        return i, LONG
    if fraction:
        return i, FRACTION if whole + fraction <= 15 else LONG
    return i, OTHER if whole > 18 or (negative and data[first] == 48) else WHOLE


@compiled_part
def _word(data: np.ndarray, i: Whole, end: Whole) -> tuple[Whole, Whole]:
    if data[i] == 110:
        if i + 4 <= end and data[i + 1] == 117 and data[i + 2] == 108 and data[i + 3] == 108:
            return i + 4, NONE
    elif data[i] == 116:
        if i + 4 <= end and data[i + 1] == 114 and data[i + 2] == 117 and data[i + 3] == 101:
            return i + 4, TRUE
    elif i + 5 <= end and data[i + 1] == 97 and data[i + 2] == 108 and data[i + 3] == 115 and data[i + 4] == 101:
        return i + 5, FALSE
    return -1, OTHER


@compiled_part
def _scalar(data: np.ndarray, i: Whole, end: Whole) -> tuple[Whole, Whole]:
    """Behind a value that holds no others, and its kind."""
    c = data[i]
    if c == _QUOTE:
        close, kind = _text(data, i + 1, end)
        return (close + 1 if close >= 0 else -1), kind
    if c == 45 or 48 <= c <= 57:
        return _number(data, i, end)
    if c == 110 or c == 116 or c == 102:
        return _word(data, i, end)
    return -1, OTHER


@compiled_part
def _after_name(data: np.ndarray, i: Whole, end: Whole) -> Whole:
    """Where the value begins of the name that begins at `i`; -1: not vouched for."""
    if i >= end or data[i] != _QUOTE:
        return -1
    close, _ = _text(data, i + 1, end)
    if close < 0:
        return -1
    i = _blank(data, close + 1, end)
    if i >= end or data[i] != _COLON:
        return -1
    i = _blank(data, i + 1, end)
    return i if i < end else -1


@compiled_part
def _nested(data: np.ndarray, i: Whole, end: Whole) -> Whole:
    """Behind an object or a list that begins at `i`; -1: it is not vouched for."""
    objects = np.uint64(0)  # a bit a level, the innermost last: whether it is an object
    depth = 0
    while True:
        c = data[i]
        if c in (_OPEN, _OPEN_LIST):
            depth += 1
            if depth > DEEPEST:
                return -1
            objects = (objects << np.uint64(1)) | np.uint64(c == _OPEN)
            i = _blank(data, i + 1, end)
            if i >= end:
                return -1
            empty = data[i] == (_CLOSE if c == _OPEN else _CLOSE_LIST)
            if not empty:
                if c == _OPEN:
                    i = _after_name(data, i, end)
                    if i < 0:
                        return -1
                continue
        else:
            i, _ = _scalar(data, i, end)
            if i < 0:
                return -1
        while True:
            i = _blank(data, i, end)
            if i >= end:
                return -1
            inside = (objects & np.uint64(1)) == np.uint64(1)
            if data[i] == (_CLOSE if inside else _CLOSE_LIST):
                depth -= 1
                objects >>= np.uint64(1)
                i += 1
                if depth == 0:
                    return i
            elif data[i] == _COMMA:
                i = _blank(data, i + 1, end)
                if inside:
                    i = _after_name(data, i, end)
                if i < 0 or i >= end:
                    return -1
                break
            else:
                return -1


@compiled_part
def _named(data: np.ndarray, begin: Whole, end: Whole, names: np.ndarray, bounds: np.ndarray, name: Whole) -> Whole:
    """Where the quote behind a name stands, if it is this name that begins at `begin`; else -1."""
    first = bounds[name]
    length = bounds[name + 1] - first
    if begin + length >= end or data[begin + length] != _QUOTE:
        return -1
    for k in range(length):
        if data[begin + k] != names[first + k]:
            return -1
    return begin + length


@compiled
def scan(
    data: np.ndarray,
    offsets: np.ndarray,
    todo: np.ndarray,
    names: np.ndarray,
    bounds: np.ndarray,
    kinds: np.ndarray,
    begins: np.ndarray,
    ends: np.ndarray,
    verdicts: np.ndarray,
    others: np.ndarray,
) -> None:
    """Find the fields of messages.

    Args:
        data: The messages' bytes, one after the other.
        offsets: Message i is `data[offsets[i]:offsets[i + 1]]`, int64[n + 1].
        todo: Numbers of the messages to look at, int64.
        names: Bytes of the names, one after the other: first those of the fields asked for, then others. None of them
            holds a quote, a backslash or a control character: these are written in another way.
        bounds: Name j is `names[bounds[j]:bounds[j + 1]]`, int64; at most 64 are not asked for.
        kinds: Filled with the kind of each field's value, uint8[fields, n].
        begins: Filled with where it begins (a text: behind the quote), uint32[fields, n].
        ends: Filled with where it ends, uint32[fields, n].
        verdicts: Filled with the verdict on each message, uint8[n].
        others: Filled with which of the other names a message has, a bit each, uint64[n].
    """
    fields = kinds.shape[0]
    known = len(bounds) - 1
    following = np.arange(1, known + 2)  # which name came after a name (last: at the beginning) in the message before
    following[known] = 0
    for t in range(len(todo)):
        r = todo[t]
        end = offsets[r + 1]
        i = _blank(data, offsets[r], end)
        verdicts[r] = LEFT
        others[r] = 0
        for f in range(fields):
            kinds[f, r] = NONE
        if i >= end or data[i] != _OPEN:
            continue
        i = _blank(data, i + 1, end)
        last = known
        closed = i < end and data[i] == _CLOSE
        while not closed:
            if i >= end or data[i] != _QUOTE:
                break
            begin = i + 1
            name = following[last]
            close = _named(data, begin, end, names, bounds, name) if name < known else -1
            if close < 0:
                close, kind = _text(data, begin, end)
                if close < 0 or kind == ESCAPED:
                    break
                name = 0
                while name < known and _named(data, begin, end, names, bounds, name) != close:
                    name += 1
                if name == known:
                    verdicts[r] = NEW_NAME
                    break
                following[last] = name
            last = name
            i = _blank(data, close + 1, end)
            if i >= end or data[i] != _COLON:
                break
            i = _blank(data, i + 1, end)
            if i >= end:
                break
            begin = i
            if data[i] == _OPEN or data[i] == _OPEN_LIST:
                kind = OBJECT if data[i] == _OPEN else LIST
                i = _nested(data, i, end)
                close = i
            else:
                i, kind = _scalar(data, i, end)
                close = i
                if kind in (TEXT, ESCAPED):
                    begin += 1
                    close -= 1
            if i < 0:
                break
            if name < fields:
                kinds[name, r] = kind
                begins[name, r] = begin
                ends[name, r] = close
            else:
                others[r] |= np.uint64(1) << np.uint64(name - fields)
            i = _blank(data, i, end)
            if i >= end:
                break
            if data[i] == _CLOSE:
                closed = True
            elif data[i] == _COMMA:
                i = _blank(data, i + 1, end)
            else:
                break
        if closed and _blank(data, i + 1, end) == end:
            verdicts[r] = VOUCHED
