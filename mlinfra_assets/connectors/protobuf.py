"""Protobuf messages: a file descriptor becomes message types, a message of one becomes the fields of a record.

Fields have the names of the `.proto` file. What is not set is null where the type can tell (messages, `oneof`,
`optional`), else the type's default. Enumerations become names, bytes base64, timestamps times.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Mapping
from functools import lru_cache
from math import isfinite
from typing import Any, TypeAlias

from google.protobuf import descriptor_pb2, json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pool import Default, DescriptorPool
from google.protobuf.message import DecodeError, Message

from mlinfra_assets.connectors.avro_values import nanos, text_of
from mlinfra_assets.connectors.written_schema import WrittenSchema
from mlinfra_assets.contracts.violation import Violation, shown

MAX_DEPTH = 32
MAX_INDEXES = 32
Field: TypeAlias = Any  # a descriptor of the compiled or of the plain library
WELL_KNOWN = (
    *("any", "source_context", "type", "api", "duration"),
    *("empty", "field_mask", "struct", "timestamp", "wrappers"),
)
WRAPPERS = {
    f"google.protobuf.{name}Value"
    for name in ("Double", "Float", "Int64", "UInt64", "Int32", "UInt32", "Bool", "String", "Bytes")
}
FREE_FORM = {f"google.protobuf.{name}" for name in ("Struct", "ListValue", "Value", "FieldMask", "Duration")}


class _TooDeepError(Exception):
    """A message holds more levels than are read."""


def decode_protobuf(schema: WrittenSchema, body: bytes) -> dict[str, object] | Violation:
    """The fields of a message, which begins with the indexes of its type; or what is wrong with it as a whole."""
    file = _file(schema)
    if isinstance(file, Violation):
        return file
    found = _indexes(body)
    kind = None if found is None else _type(file, found[0])
    if found is None or kind is None:
        message = "the message does not begin with the indexes of a message type of its schema"
        return Violation(None, "message indexes", shown(body[:40].hex(" ")), message)
    message = message_factory.GetMessageClass(kind)()
    try:
        message.ParseFromString(body[found[1] :])
        return _record(message, 1)
    except (DecodeError, UnicodeDecodeError) as error:
        return Violation(None, "Protobuf", shown(body[:40].hex(" ")), f"not a {kind.full_name}: {error}")
    except (_TooDeepError, RecursionError):
        return Violation(None, "depth", None, f"nested deeper than {MAX_DEPTH} levels")


def _indexes(body: bytes) -> tuple[tuple[int, ...], int] | None:
    """Which message type of the file a message is of, and where it begins; a single 0 stands for the first type."""
    count, at = _varint(body, 0)
    if count == 0:
        return (0,), at
    if not 0 < count <= MAX_INDEXES:
        return None
    path = []
    for _ in range(count):
        index, at = _varint(body, at)
        if index < 0:
            return None
        path.append(index)
    return tuple(path), at


def _varint(body: bytes, at: int) -> tuple[int, int]:
    """A zigzag number and where it ends; -1 if there is none or it is below zero."""
    value = 0
    for shift in range(0, 35, 7):
        if at >= len(body):
            return -1, at
        byte = body[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value >> 1 if value % 2 == 0 else -1), at
    return -1, at


@lru_cache(maxsize=1024)
def _file(schema: WrittenSchema) -> FileDescriptor | Violation:
    pool = DescriptorPool()
    for name in WELL_KNOWN:
        known = descriptor_pb2.FileDescriptorProto()
        _known(name).CopyToProto(known)
        pool.Add(known)
    try:
        for reference in schema.references:
            described = _described(reference.text)
            described.name = reference.name
            pool.Add(described)
        described = _described(schema.text)
        pool.Add(described)
        return pool.FindFileByName(described.name)
    except (DecodeError, ValueError, TypeError, KeyError) as error:
        return Violation(None, "schema", shown(schema.text), f"the message's Protobuf schema cannot be used: {error}")


def _described(text: str) -> descriptor_pb2.FileDescriptorProto:
    return descriptor_pb2.FileDescriptorProto.FromString(b64decode(text, validate=True))


def _known(name: str) -> FileDescriptor:
    """A file of Google's well-known types."""
    from importlib import import_module

    import_module(f"google.protobuf.{name}_pb2")
    return Default().FindFileByName(f"google/protobuf/{name}.proto")


def _type(file: FileDescriptor, path: tuple[int, ...]) -> Descriptor | None:
    types = list(file.message_types_by_name.values())
    kind: Descriptor | None = None
    for index in path:
        if index >= len(types):
            return None
        kind = types[index]
        types = list(kind.nested_types)
    return kind


def _record(message: Message, depth: int) -> dict[str, object]:
    if depth > MAX_DEPTH:
        raise _TooDeepError
    return {field.name: _field(message, field, depth) for field in message.DESCRIPTOR.fields}


def _field(message: Message, field: Field, depth: int) -> object:
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        entries: Mapping[object, object] = getattr(message, field.name)
        key, value = field.message_type.fields
        return {_key(k, key): _value(entries[k], value, depth + 1) for k in sorted(entries)}  # pyright: ignore[reportArgumentType]
    if field.is_repeated:
        return [_value(item, field, depth + 1) for item in getattr(message, field.name)]
    if field.has_presence and not message.HasField(field.name):
        return None
    return _value(getattr(message, field.name), field, depth)


def _key(key: object, field: Field) -> str:
    return str(key).lower() if field.type == FieldDescriptor.TYPE_BOOL else str(key)


def _value(value: object, field: Field, depth: int) -> object:
    if field.enum_type is not None:
        named = field.enum_type.values_by_number.get(value) if isinstance(value, int) else None
        return value if named is None else named.name
    if field.type == FieldDescriptor.TYPE_BYTES and isinstance(value, bytes):
        return text_of(value)
    if isinstance(value, float) and depth > 1 and not isfinite(value):
        return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, Message):
        return _message(value, depth)
    return value


def _message(value: Message, depth: int) -> object:
    name = value.DESCRIPTOR.full_name
    special: Callable[[Message], object] | None = {"google.protobuf.Timestamp": _timestamp}.get(name)
    if special is not None:
        return special(value)
    if name in WRAPPERS:
        return _value(value.value, value.DESCRIPTOR.fields_by_name["value"], depth)  # pyright: ignore[reportAttributeAccessIssue]
    if name in FREE_FORM:
        return json_format.MessageToDict(value)
    return _record(value, depth + 1)


def _timestamp(value: Message) -> object:
    seconds, part = value.seconds, value.nanos  # pyright: ignore[reportAttributeAccessIssue]
    return nanos(seconds * 1_000_000_000 + part)
