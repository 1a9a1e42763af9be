"""An entity's base as bytes: the rows that its features are evaluated from, checked when they are read back.

The form is `kernel.form`'s.
"""

from __future__ import annotations

from collections.abc import Collection
from itertools import pairwise
from struct import error as struct_error
from struct import unpack_from
from typing import Any

import numpy as np

from mlinfra_assets.feature_store.column_type import ColumnType
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
from mlinfra_assets.feature_store.online.kernel import form
from mlinfra_assets.feature_store.online.kernel.encode import encode_bases, room_for
from mlinfra_assets.feature_store.online.kernel.memory import checksum_of
from mlinfra_assets.feature_store.view import FeatureView

_TIME, _SHORT = np.dtype("<i8"), np.dtype("<i4")
_NONE = np.zeros(0, np.int64)


class BaseEncoder:
    """Encodes the entities of some rows.

    Args:
        rows: The rows of a view.
    """

    def __init__(self, rows: PreparedRows) -> None:
        kinds = tuple(column.type for column in rows.inputs)
        replaced = rows.replaced
        self._seed = form.seed(kinds, replaced=replaced is not None)
        self._forms = form.forms(kinds)
        columns = [_Column(column, rows.starts) for column in rows.inputs]
        self._columns = np.array([column.addresses for column in columns], np.int64).reshape(-1, 6)
        # Addresses keep nothing alive.
        self._kept = columns
        partition = _NONE if rows.partition is None else rows.partition.astype(np.int64)
        self._rows: Any = [_plain(array) for array in (rows.starts, rows.event_time, rows.known_at, partition)]
        parts = (_NONE,) * 3 if replaced is None else (replaced.offsets, replaced.event_time, replaced.known_at)
        self._replaced: Any = [_plain(array) for array in parts]
        self._has_replaced = replaced is not None

    def encode(self, i: int) -> bytes:
        """The base of entity i."""
        return self.encode_many(i, i + 1)[0]

    def encode_many(self, first: int, last: int) -> list[bytes]:
        """The bases of entities first to last (exclusive)."""
        room = room_for(first, last, self._rows[0], self._forms, self._columns, self._replaced[0])
        data = np.empty(room, np.uint8)
        ends = np.zeros(last - first, np.int64)
        rows, columns = (*self._rows, self._forms, self._columns), (*self._replaced, self._has_replaced)
        arguments: tuple[Any, ...] = (first, last, self._seed, *rows, *columns, data, ends)
        encode_bases(*arguments)
        bounds = [0, *ends.tolist()]
        whole = data[: bounds[-1]].tobytes()
        return [whole[begin:end] for begin, end in pairwise(bounds)]


class _Column:
    """Where the values of a column are; strings with the words of each entity."""

    def __init__(self, column: InputColumn, starts: np.ndarray) -> None:
        valid = _plain(column.validity)
        if column.type.kind != "string":
            values = _plain(column.values)
            self._arrays = [values, valid]
        else:
            texts = [word.encode() for word in column.dictionary]
            words = np.frombuffer(b"".join(texts) or b"\0", np.uint8)
            ends = np.concatenate([[0], np.cumsum([len(text) for text in texts])]).astype(np.int64)
            self._arrays = [*_codes(column, starts), words, ends]
            self._arrays.insert(1, valid)
        addresses = [array.ctypes.data for array in self._arrays]
        self.addresses = (*addresses, *[0] * (6 - len(addresses)))


def _codes(column: InputColumn, starts: np.ndarray) -> list[np.ndarray]:
    """Codes that are an entity's own; where its words begin among those that are used; which these are."""
    entities, size = len(starts) - 1, max(len(column.dictionary), 1)
    owner = np.repeat(np.arange(entities), np.diff(starts))
    valid = column.validity == VALUE
    used, places = np.unique(owner[valid] * size + column.values[valid], return_inverse=True)
    begins = np.searchsorted(used, np.arange(entities + 1) * size).astype(np.int64)
    codes = np.zeros(len(column.values), np.int64)
    codes[valid] = places - begins[owner[valid]]
    return [codes, begins, _plain(used % size)]


def decode(view: FeatureView, data: bytes, wanted: Collection[int] | None = None) -> EntityRows:
    """The rows of one entity.

    Args:
        view: The view that they were pushed for.
        data: What `BaseEncoder` made.
        wanted: Which of `view.inputs` to return, in this order. None: all.

    Raises:
        DamagedBaseError: The bytes are cut, changed, or of another view.
    """
    kinds = input_types(view)
    if len(data) < form.HEAD + len(kinds):
        raise DamagedBaseError("its base is cut off")
    seed = form.seed(kinds, replaced=bool(view.dataset.primary_key))
    if unpack_from("<q", data)[0] != checksum_of(data[form.CHECKSUM :], seed):
        raise DamagedBaseError("its base is not as it was written, or another view's: the checksum differs")
    try:
        return _decoded(view, kinds, _Reader(data), wanted)
    except (struct_error, ValueError, LookupError) as error:
        raise DamagedBaseError(f"its base cannot be read: {error}") from error


def _decoded(
    view: FeatureView, kinds: tuple[ColumnType, ...], reader: _Reader, wanted: Collection[int] | None
) -> EntityRows:
    flags, count = unpack_from("<BI", reader.take(5))
    how = reader.take(len(kinds))
    event_time = reader.array(_TIME, count)
    known_at = event_time
    if flags & (form.SHORT_LAG | form.LONG_LAG):
        known_at = event_time + reader.array(_SHORT if flags & form.SHORT_LAG else _TIME, count)
    partition = reader.array(_SHORT, count) if flags & form.PARTITIONS else None
    inputs = [reader.column(kind, one, count) for kind, one in zip(kinds, how, strict=True)]
    replaced = reader.replacements(count) if view.dataset.primary_key else None
    reader.finish()
    chosen = inputs if wanted is None else [inputs[j] for j in wanted]
    return EntityRows(event_time, known_at, tuple(chosen), replaced, partition)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = form.CHECKSUM

    def take(self, size: int) -> bytes:
        if not 0 <= size <= len(self._data) - self._at:
            raise DamagedBaseError("its base is cut off")
        self._at += size
        return self._data[self._at - size : self._at]

    def array(self, dtype: np.dtype, count: int) -> np.ndarray:
        found = np.frombuffer(self.take(dtype.itemsize * count), dtype)
        return found.astype(np.float64 if dtype.kind == "f" else np.int64)

    def column(self, kind: ColumnType, how: int, count: int) -> InputColumn:
        width = 1 << (how & 3)
        validity = np.full(count, VALUE, np.uint8)
        if how & form.VALIDITY:
            validity = np.frombuffer(self.take(count), np.uint8).copy()
        if kind.kind == "string":
            codes = self.array(np.dtype(f"<u{width}"), count)
            words = tuple(self._word() for _ in range(self._length()))
            if count and codes.max() >= max(len(words), 1):
                raise DamagedBaseError("its base has a text without its letters")
            return InputColumn(kind, codes, validity, words)
        if dtype_of(kind) is np.float64:
            return InputColumn(kind, self.array(np.dtype("<f8"), count), validity)
        return InputColumn(kind, self.array(np.dtype(f"<i{width}"), count), validity)

    def replacements(self, count: int) -> Replacements:
        offsets = self.array(_TIME, count + 1)
        replacing = int(offsets[-1])
        return Replacements(offsets, self.array(_TIME, replacing), self.array(_TIME, replacing))

    def finish(self) -> None:
        if self._at != len(self._data):
            raise DamagedBaseError(f"its base has {len(self._data) - self._at} bytes too many")

    def _length(self) -> int:
        return unpack_from("<I", self.take(4))[0]

    def _word(self) -> str:
        return self.take(self._length()).decode()


def _plain(array: np.ndarray) -> np.ndarray:
    """An array without gaps that can be written to, which is one type to compiled loops."""
    return np.require(array, requirements=["C", "W"])
