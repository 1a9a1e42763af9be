"""An entity's base as bytes: the rows that its features are evaluated from, checked when they are read back.

Little-endian: magic, CRC-32 of the rest, number of rows, number of columns, flags (1: rows can be replaced, 2:
partitions follow); event times and known-at times as int64; partitions as int32; then each column: kind, width of a
value, whether a validity byte per row follows, those, the values; for strings first the dictionary. Integers take 1, 2,
4 or 8 bytes, whichever the whole column needs.
"""

from __future__ import annotations

import zlib
from collections.abc import Collection
from struct import Struct
from struct import error as struct_error

import numpy as np

from mlinfra_assets.feature_store.column_type import KINDS, ColumnType
from mlinfra_assets.feature_store.engine.rows import (
    VALUE,
    EntityRows,
    InputColumn,
    PreparedRows,
    Replacements,
    dtype_of,
    input_types,
)
from mlinfra_assets.feature_store.online.errors import DamagedBaseError
from mlinfra_assets.feature_store.view import FeatureView

MAGIC = b"MLB1"
_HEADER = Struct("<4sI")
_SIZES = Struct("<IHB")
_COLUMN = Struct("<BBB")
_LENGTH = Struct("<I")
_REPLACED, _PARTITIONS = 1, 2
_TIME = np.dtype("<i8")
_PARTITION = np.dtype("<i4")
_UNSIGNED = {1: np.dtype("<u1"), 2: np.dtype("<u2"), 4: np.dtype("<u4")}
_SIGNED = {1: np.dtype("<i1"), 2: np.dtype("<i2"), 4: np.dtype("<i4"), 8: np.dtype("<i8")}


class BaseEncoder:
    """Encodes the entities of some rows.

    Args:
        rows: The rows of a view.
    """

    def __init__(self, rows: PreparedRows) -> None:
        self._rows = rows
        self._starts = rows.starts.tolist()
        self._event_time = _bytes(rows.event_time.astype(_TIME))
        self._known_at = _bytes(rows.known_at.astype(_TIME))
        self._partition = None if rows.partition is None else _bytes(rows.partition.astype(_PARTITION))
        self._flags = _REPLACED * (rows.replaced is not None) | _PARTITIONS * (rows.partition is not None)
        self._columns = [
            _StringColumn(column, rows.starts) if column.type.kind == "string" else _PlainColumn(column)
            for column in rows.inputs
        ]

    def encode(self, i: int) -> bytes:
        """The base of entity i."""
        begin, end = self._starts[i], self._starts[i + 1]
        parts = [
            _SIZES.pack(end - begin, len(self._columns), self._flags),
            self._event_time[8 * begin : 8 * end],
            self._known_at[8 * begin : 8 * end],
        ]
        if self._partition is not None:
            parts.append(self._partition[4 * begin : 4 * end])
        for column in self._columns:
            parts += column.parts(i, begin, end)
        if self._rows.replaced is not None:
            replaced = self._rows.replaced.cut(begin, end)
            parts += [_bytes(a.astype(_TIME)) for a in (replaced.offsets, replaced.event_time, replaced.known_at)]
        body = b"".join(parts)
        return _HEADER.pack(MAGIC, zlib.crc32(body)) + body


class _PlainColumn:
    """Numbers, conditions and times of all entities."""

    def __init__(self, column: InputColumn) -> None:
        dtype = np.dtype("<f8") if column.type.kind == "float64" else _narrowest(column.values)
        self._width = dtype.itemsize
        self._values = _bytes(column.values.astype(dtype))
        self._validity = _Validity(column)
        self._kind = KINDS.index(column.type.kind)

    def parts(self, i: int, begin: int, end: int) -> list[bytes | memoryview]:  # noqa: ARG002 - as _StringColumn
        validity = self._validity.of(begin, end)
        values = self._values[self._width * begin : self._width * end]
        return [_COLUMN.pack(self._kind, self._width, bool(len(validity))), validity, values]


class _StringColumn:
    """Strings of all entities, each entity with the dictionary of its own."""

    def __init__(self, column: InputColumn, starts: np.ndarray) -> None:
        entities, size = len(starts) - 1, max(len(column.dictionary), 1)
        owner = np.repeat(np.arange(entities), np.diff(starts))
        valid = column.validity == VALUE
        used, places = np.unique(owner[valid] * size + column.values[valid], return_inverse=True)
        begins = np.searchsorted(used, np.arange(entities + 1) * size)
        codes = np.zeros(len(column.values), np.int64)
        codes[valid] = places - begins[owner[valid]]
        dtype = next(d for d in _UNSIGNED.values() if codes.max(initial=0) <= np.iinfo(d).max)
        self._width = dtype.itemsize
        self._values = _bytes(codes.astype(dtype))
        self._validity = _Validity(column)
        self._used, self._begins = (used % size).tolist(), begins.tolist()
        self._texts = [_LENGTH.pack(len(text)) + text for text in (word.encode() for word in column.dictionary)]

    def parts(self, i: int, begin: int, end: int) -> list[bytes | memoryview]:
        validity = self._validity.of(begin, end)
        words = self._used[self._begins[i] : self._begins[i + 1]]
        values = self._values[self._width * begin : self._width * end]
        header = _COLUMN.pack(KINDS.index("string"), self._width, bool(len(validity)))
        return [header, validity, _LENGTH.pack(len(words)), *(self._texts[word] for word in words), values]


class _Validity:
    """A byte a row, or nothing for rows that are all there."""

    def __init__(self, column: InputColumn) -> None:
        self._bytes = _bytes(column.validity)
        self._odd = np.concatenate([[0], np.cumsum(column.validity != VALUE)]).tolist()

    def of(self, begin: int, end: int) -> memoryview:
        return self._bytes[begin : end if self._odd[end] > self._odd[begin] else begin]


def decode(view: FeatureView, data: bytes, wanted: Collection[int] | None = None) -> EntityRows:
    """The rows of one entity.

    Args:
        view: The view that they were pushed for.
        data: What `BaseEncoder` made.
        wanted: Which of `view.inputs` to return, in this order. None: all.

    Raises:
        DamagedBaseError: The bytes are cut, changed, or of another view.
    """
    if len(data) < _HEADER.size or data[: len(MAGIC)] != MAGIC:
        raise DamagedBaseError("its base does not begin as one does")
    if _HEADER.unpack_from(data)[1] != zlib.crc32(data[_HEADER.size :]):
        raise DamagedBaseError("its base is not as it was written: the checksum differs")
    reader = _Reader(data)
    kinds = input_types(view)
    try:
        count, columns, flags = _SIZES.unpack(reader.take(_SIZES.size))
        replaced = bool(flags & _REPLACED)
        if columns != len(kinds) or replaced != bool(view.dataset.primary_key):
            raise DamagedBaseError(f"its base has {columns} columns, and the view {len(kinds)}: it is another view's")
        event_time, known_at = reader.array(_TIME, count), reader.array(_TIME, count)
        partition = reader.array(_PARTITION, count) if flags & _PARTITIONS else None
        inputs = [reader.column(kind, count) for kind in kinds]
        chains = reader.replacements(count) if replaced else None
        reader.finish()
    except (struct_error, ValueError, LookupError) as error:
        raise DamagedBaseError(f"its base cannot be read: {error}") from error
    chosen = inputs if wanted is None else [inputs[j] for j in wanted]
    return EntityRows(event_time, known_at, tuple(chosen), chains, partition)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = _HEADER.size

    def take(self, size: int) -> bytes:
        if not 0 <= size <= len(self._data) - self._at:
            raise DamagedBaseError("its base is cut off")
        self._at += size
        return self._data[self._at - size : self._at]

    def array(self, dtype: np.dtype, count: int) -> np.ndarray:
        found = np.frombuffer(self.take(dtype.itemsize * count), dtype)
        return found.astype(np.float64 if dtype.kind == "f" else np.int64)

    def column(self, kind: ColumnType, count: int) -> InputColumn:
        code, width, has_validity = _COLUMN.unpack(self.take(_COLUMN.size))
        if KINDS[code] != kind.kind:
            raise DamagedBaseError(f"its base has a {KINDS[code]} where the view has a {kind}: it is another view's")
        validity = np.frombuffer(self.take(count), np.uint8).copy() if has_validity else np.full(count, VALUE, np.uint8)
        if kind.kind == "string":
            words = tuple(self._word() for _ in range(_LENGTH.unpack(self.take(_LENGTH.size))[0]))
            return InputColumn(kind, self.array(_UNSIGNED[width], count), validity, words)
        if dtype_of(kind) is np.float64:
            return InputColumn(kind, self.array(np.dtype("<f8"), count), validity)
        return InputColumn(kind, self.array(_SIGNED[width], count), validity)

    def replacements(self, count: int) -> Replacements:
        offsets = self.array(_TIME, count + 1)
        replacing = int(offsets[-1])
        return Replacements(offsets, self.array(_TIME, replacing), self.array(_TIME, replacing))

    def finish(self) -> None:
        if self._at != len(self._data):
            raise DamagedBaseError(f"its base has {len(self._data) - self._at} bytes too many")

    def _word(self) -> str:
        return self.take(_LENGTH.unpack(self.take(_LENGTH.size))[0]).decode()


def _narrowest(values: np.ndarray) -> np.dtype:
    low, high = values.min(initial=0), values.max(initial=0)
    return next(d for d in _SIGNED.values() if np.iinfo(d).min <= low and high <= np.iinfo(d).max)


def _bytes(array: np.ndarray) -> memoryview:
    return memoryview(array.tobytes())
