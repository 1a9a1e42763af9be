"""An entity's tail as bytes: the events past its base, one record after the other, each checked when it is read back.

Little-endian. A record: its length and the checksum (8 bytes) of what follows it; event and known-at time as int64;
partition as int32, offset as int64, row as int32; a byte of validity for each input of the view
(`InputColumn.validity`); 8 bytes for each input: an int64, a double, or of a string the number of its bytes; then the
strings. Records stand in the order in which they were appended, which is no order of time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from struct import Struct

import numpy as np
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.engine.gather import checked, inputs_of
from mlinfra_assets.feature_store.engine.rows import VALUE, InputColumn, dtype_of, input_types
from mlinfra_assets.feature_store.online.errors import DamagedBaseError
from mlinfra_assets.feature_store.online.kernel.form import tail_seed
from mlinfra_assets.feature_store.online.kernel.memory import checksum_of
from mlinfra_assets.feature_store.online.keys import encode_key
from mlinfra_assets.feature_store.view import FeatureView

_CHECKED = Struct("<Iq")
_COORDINATES = (
    (names.EVENT_TIME, "event_time", "<i8"),
    (names.KNOWN_AT, "known_at", "<i8"),
    (names.PARTITION, "partition", "<i4"),
    (names.OFFSET, "offset", "<i8"),
    (names.ROW, "row", "<i4"),
)


@dataclass(frozen=True)
class TailRecord:
    """One event of one entity.

    Attributes:
        key: The entity's, encoded.
        partition: Where the event stands in its source,
        offset: and at which offset.
        known_at: Microseconds since 1970 UTC.
        data: The record's bytes.
    """

    key: bytes
    partition: int
    offset: int
    known_at: int
    data: bytes


@dataclass(frozen=True)
class TailRows:
    """The records of one tail, in the order in which they were appended.

    Attributes:
        event_time: int64[n], microseconds since 1970 UTC.
        known_at: int64[n], microseconds since 1970 UTC.
        partition: int64[n].
        offset: int64[n].
        row: int64[n].
        inputs: One column for each input of the view that was asked for.
        ends: int64[n], where each record ends in the bytes.
    """

    event_time: np.ndarray
    known_at: np.ndarray
    partition: np.ndarray
    offset: np.ndarray
    row: np.ndarray
    inputs: tuple[InputColumn, ...]
    ends: np.ndarray

    def __len__(self) -> int:
        return len(self.event_time)


def record_type(inputs: int) -> np.dtype:
    """The part of a record that is of one size, for a view with so many inputs."""
    coordinates = [(name, kind) for _, name, kind in _COORDINATES]
    values = [("validity", "u1", (inputs,)), ("values", "<i8", (inputs,))] if inputs else []
    return np.dtype([("length", "<u4"), ("checksum", "<i8"), *coordinates, *values])


def encode_records(view: FeatureView, rows: pl.DataFrame) -> list[TailRecord]:
    """The rows of a view's dataset as records, in their order; rows with a null in their key belong to nobody.

    Raises:
        RetrievalError: A column is missing, of another type than the dataset declares, or a coordinate is null.
        FeatureOverflowError: A row expression does not fit in 64 bits.
    """
    rows = checked(view, rows).drop_nulls(list(view.join_keys))
    inputs = inputs_of(view, rows)
    fixed = np.zeros(rows.height, record_type(len(inputs)))
    for column, name, _ in _COORDINATES:
        fixed[name] = rows.get_column(column).to_physical().to_numpy()
    texts: list[list[bytes]] = [[] for _ in range(rows.height)]
    for j, column in enumerate(inputs):
        fixed["validity"][:, j] = column.validity
        fixed["values"][:, j] = _stored(column, texts)
    fixed["length"] = fixed.itemsize + np.array([sum(map(len, row)) for row in texts], np.int64)
    keys = rows.select(view.join_keys).iter_rows()
    seed = tail_seed(input_types(view))
    places = zip(fixed["partition"].tolist(), fixed["offset"].tolist(), fixed["known_at"].tolist(), strict=True)
    return [
        TailRecord(encode_key(view.key_schema, key), *place, _sealed(row.tobytes() + b"".join(words), seed))
        for key, place, row, words in zip(keys, places, fixed, texts, strict=True)
    ]


def decode_tail(view: FeatureView, data: bytes, wanted: Collection[int] | None = None) -> TailRows:
    """The records of one entity.

    Args:
        view: The view that they were appended for.
        data: Records, one after the other.
        wanted: Which of `view.inputs` to return, in this order. None: all.

    Raises:
        DamagedBaseError: The bytes are cut, changed, or of another view.
    """
    kinds = input_types(view)
    kind = record_type(len(kinds))
    begins = list(_begins(data, kind.itemsize, tail_seed(kinds)))
    fixed = np.frombuffer(b"".join(data[begin : begin + kind.itemsize] for begin in begins), kind)
    chosen = range(len(kinds)) if wanted is None else wanted
    inputs = {j: _numbers(kinds[j], fixed, j) for j in chosen if kinds[j].kind != "string"}
    strings = [j for j, of in enumerate(kinds) if of.kind == "string"]
    words = _words(data, begins, fixed, strings)
    ends = np.array([*begins[1:], len(data)][: len(begins)], np.int64)
    inputs |= {j: _strings(kinds[j], fixed["validity"][:, j], words[j]) for j in chosen if j in words}
    coordinates = {name: fixed[name].astype(np.int64) for _, name, _ in _COORDINATES}
    return TailRows(**coordinates, inputs=tuple(inputs[j] for j in chosen), ends=ends)


def _stored(column: InputColumn, texts: list[list[bytes]]) -> np.ndarray:
    """The 8 bytes of each row; the bytes of strings go to `texts`."""
    if column.type.kind != "string":
        return column.values.view(np.int64) if dtype_of(column.type) is np.float64 else column.values
    words = [word.encode() for word in column.dictionary]
    sizes = np.zeros(len(column), np.int64)
    for i, (code, valid) in enumerate(zip(column.values.tolist(), column.validity.tolist(), strict=True)):
        if valid == VALUE:
            texts[i].append(words[code])
            sizes[i] = len(words[code])
    return sizes


def _sealed(record: bytes, seed: int) -> bytes:
    """The record with its checksum, which is over everything but length and checksum."""
    length, _ = _CHECKED.unpack_from(record)
    body = record[_CHECKED.size :]
    return _CHECKED.pack(length, checksum_of(body, seed)) + body


def _begins(data: bytes, least: int, seed: int) -> Iterator[int]:
    at, end, whole = 0, len(data), memoryview(data)
    while at < end:
        if end - at < least:
            raise DamagedBaseError("its tail is cut off")
        length, checksum = _CHECKED.unpack_from(data, at)
        if not least <= length <= end - at:
            raise DamagedBaseError("its tail is cut off, or another view's")
        if checksum != checksum_of(whole[at + _CHECKED.size : at + length], seed):
            raise DamagedBaseError("its tail is not as it was written: a checksum differs")
        yield at
        at += length


def _numbers(kind: ColumnType, fixed: np.ndarray, j: int) -> InputColumn:
    values = np.ascontiguousarray(fixed["values"][:, j])
    values = values.view(np.float64) if dtype_of(kind) is np.float64 else values
    return InputColumn(kind, values, np.ascontiguousarray(fixed["validity"][:, j]))


def _words(data: bytes, begins: list[int], fixed: np.ndarray, strings: Sequence[int]) -> dict[int, list[str]]:
    """The strings of each input that has some, empty where there is no value."""
    found: dict[int, list[str]] = {j: [] for j in strings}
    if not strings:
        if (fixed["length"] != fixed.itemsize).any():
            raise DamagedBaseError("its tail has records of another view")
        return found
    sizes = {j: fixed["values"][:, j].tolist() for j in strings}
    for i, begin in enumerate(begins):
        at, end = begin + fixed.itemsize, begin + int(fixed["length"][i])
        for j in strings:
            size = sizes[j][i]
            if not 0 <= size <= end - at:
                raise DamagedBaseError("its tail has records of another view")
            try:
                found[j].append(data[at : at + size].decode())
            except UnicodeDecodeError as error:
                raise DamagedBaseError(f"its tail has a text that is none: {error}") from error
            at += size
        if at != end:
            raise DamagedBaseError("its tail has records of another view")
    return found


def _strings(kind: ColumnType, validity: np.ndarray, words: Sequence[str]) -> InputColumn:
    validity = np.ascontiguousarray(validity)
    dictionary = tuple(sorted({word for word, valid in zip(words, validity.tolist(), strict=True) if valid == VALUE}))
    place = {word: code for code, word in enumerate(dictionary)}
    codes = [place.get(word, 0) for word in words]
    return InputColumn(kind, np.array(codes, np.int64), validity, dictionary)
