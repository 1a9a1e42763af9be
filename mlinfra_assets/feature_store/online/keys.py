"""An entity's key as bytes: equal for equal keys alone, whatever the parts contain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from struct import Struct
from struct import error as struct_error

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.errors import RetrievalError

_INTEGER = Struct(">cq")
_TEXT = Struct(">cI")
INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1


def encode_key(schema: Mapping[str, ColumnType], values: Sequence[object]) -> bytes:
    """The bytes of a (composite) key: each part tagged with its type, each text behind its length.

    Args:
        schema: Type of each join key, int64 or string, in order.
        values: One value for each.

    Raises:
        RetrievalError: Too few or too many values, or one that is not of its key's type.
    """
    if len(values) != len(schema):
        raise RetrievalError(f"a key of {len(schema)} parts ({', '.join(schema)}) is wanted, not {len(values)}")
    return b"".join(_part(name, kind, value) for (name, kind), value in zip(schema.items(), values, strict=True))


def encode_keys(schema: Mapping[str, ColumnType], keys: Sequence[tuple]) -> list[bytes]:
    """As `encode_key`, for many."""
    if [kind.kind for kind in schema.values()] == ["int64"] and {type(key[0]) for key in keys if len(key) == 1} == {
        int
    }:
        pack = _INTEGER.pack
        try:
            return [pack(b"i", value) for (value,) in keys]
        except (struct_error, ValueError):
            # One is too large or has too many parts: found and said below.
            pass
    return [encode_key(schema, key) for key in keys]


def _part(name: str, kind: ColumnType, value: object) -> bytes:
    if kind.kind == "int64":
        if type(value) is not int:
            raise RetrievalError(f"key {name} is an integer, not {value!r}")
        if not INT64_MIN <= value <= INT64_MAX:
            raise RetrievalError(f"key {name}: {value} does not fit in 64 bits")
        return _INTEGER.pack(b"i", value)
    if type(value) is not str:
        raise RetrievalError(f"key {name} is a text, not {value!r}")
    try:
        text = value.encode()
    except UnicodeEncodeError as error:
        raise RetrievalError(f"key {name}: {value!r} is not valid Unicode") from error
    return _TEXT.pack(b"s", len(text)) + text
