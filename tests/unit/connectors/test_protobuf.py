"""Protobuf messages become records without loss; what is no such message is a reason."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime

import pytest
from google.protobuf import descriptor_pb2
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from mlinfra_assets.connectors.protobuf import decode_protobuf
from mlinfra_assets.connectors.written_schema import WrittenSchema
from mlinfra_assets.contracts.violation import Violation
from tests.support.framed import Proto, proto_field, proto_file, proto_types


def order_file() -> descriptor_pb2.FileDescriptorProto:
    """A message with a field of every kind."""
    kinds = [
        *[("i64", Proto.TYPE_INT64), ("u64", Proto.TYPE_UINT64), ("s32", Proto.TYPE_SINT32)],
        *[("f64", Proto.TYPE_FIXED64), ("real", Proto.TYPE_DOUBLE), ("text", Proto.TYPE_STRING)],
        *[("flag", Proto.TYPE_BOOL), ("raw", Proto.TYPE_BYTES)],
    ]
    order = descriptor_pb2.DescriptorProto(name="Order")
    order.field.extend(proto_field(name, number, kind) for number, (name, kind) in enumerate(kinds, 1))
    order.enum_type.add(name="Colour").value.add(name="NONE", number=0)
    order.enum_type[0].value.add(name="RED", number=5)
    order.nested_type.add(name="Line").field.append(proto_field("sku", 1, Proto.TYPE_STRING))
    order.nested_type.add(name="CountsEntry").field.extend(
        [proto_field("key", 1, Proto.TYPE_INT32), proto_field("value", 2, Proto.TYPE_DOUBLE)]
    )
    order.nested_type[1].options.map_entry = True
    order.field.extend(
        [
            proto_field("colour", 20, Proto.TYPE_ENUM, ".things.Order.Colour"),
            proto_field("at", 21, Proto.TYPE_MESSAGE, ".google.protobuf.Timestamp"),
            proto_field("lines", 22, Proto.TYPE_MESSAGE, ".things.Order.Line", repeated=True),
            proto_field("counts", 23, Proto.TYPE_MESSAGE, ".things.Order.CountsEntry", repeated=True),
            proto_field("wrapped", 24, Proto.TYPE_MESSAGE, ".google.protobuf.Int64Value"),
            proto_field("free", 25, Proto.TYPE_MESSAGE, ".google.protobuf.Struct"),
            proto_field("again", 26, Proto.TYPE_MESSAGE, ".things.Order"),
            proto_field("maybe", 27, Proto.TYPE_INT32),
            proto_field("one", 28, Proto.TYPE_INT32),
            proto_field("other", 29, Proto.TYPE_STRING),
        ]
    )
    order.oneof_decl.add(name="choice")
    order.oneof_decl.add(name="_maybe")
    by_name = {f.name: f for f in order.field}
    by_name["one"].oneof_index = by_name["other"].oneof_index = 0
    by_name["maybe"].oneof_index, by_name["maybe"].proto3_optional = 1, True
    second = descriptor_pb2.DescriptorProto(name="Second")
    second.nested_type.add(name="Inner").field.append(proto_field("x", 1, Proto.TYPE_INT32))
    imports = [f"google/protobuf/{name}.proto" for name in ("timestamp", "wrappers", "struct")]
    return proto_file("order.proto", order, second, imports=imports)


FILE = order_file()
TYPES = proto_types(FILE)
SCHEMA = WrittenSchema("PROTOBUF", b64encode(FILE.SerializeToString()).decode())
NOTHING = {
    "i64": 0, "u64": 0, "s32": 0, "f64": 0, "real": 0.0, "text": "", "flag": False, "raw": "", "colour": "NONE",
    "at": None, "lines": [], "counts": {}, "wrapped": None, "free": None, "again": None,
    "maybe": None, "one": None, "other": None,
}  # fmt: skip


def order(**fields: object) -> Message:
    return TYPES["things.Order"](**fields)


def read(message: Message, indexes: bytes = b"\x00") -> dict[str, object]:
    found = decode_protobuf(SCHEMA, indexes + message.SerializeToString())
    assert isinstance(found, dict), found
    return found


def rule(body: bytes, schema: WrittenSchema = SCHEMA) -> str:
    found = decode_protobuf(schema, body)
    assert isinstance(found, Violation), found
    return found.rule


def test_an_empty_message_has_the_defaults_and_nulls_where_the_type_can_tell() -> None:
    assert read(order()) == NOTHING


def test_every_kind_of_value_comes_back() -> None:
    whole = {"i64": -(2**63), "u64": 2**64 - 1, "s32": -(2**31), "f64": 2**63, "real": 0.1, "text": "é😀", "flag": True}
    message = order(
        **whole,
        raw=b"\x00\xff",
        colour=5,
        maybe=0,
        other="",
        lines=[{"sku": "a"}, {"sku": "b"}],
        counts={7: 1.5, -1: 2},
    )
    message.at.FromDatetime(datetime(2011, 3, 27, 1, 30, 0, 5, UTC))  # pyright: ignore[reportAttributeAccessIssue]
    message.wrapped.value = 2**62  # pyright: ignore[reportAttributeAccessIssue]
    message.free.update({"a": [1, None, {"b": "c"}]})  # pyright: ignore[reportAttributeAccessIssue]
    message.again.text = "inner"  # pyright: ignore[reportAttributeAccessIssue]
    assert read(message) == {
        **NOTHING, **whole, "raw": "AP8=", "colour": "RED", "maybe": 0, "other": "", "wrapped": 2**62,
        "lines": [{"sku": "a"}, {"sku": "b"}], "counts": {"-1": 2.0, "7": 1.5}, "free": {"a": [1.0, None, {"b": "c"}]},
        "at": datetime(2011, 3, 27, 1, 30, 0, 5, UTC), "again": {**NOTHING, "text": "inner"},
    }  # fmt: skip


def test_nanoseconds_and_unknown_symbols_are_not_lost() -> None:
    message = order(colour=9)
    message.at.nanos = 1  # pyright: ignore[reportAttributeAccessIssue]
    found = read(message)
    assert (found["at"], found["colour"]) == ("1970-01-01T00:00:00.000000001Z", 9)


def test_what_json_has_no_number_for_is_a_name_within_a_record() -> None:
    message = order(real=float("nan"), counts={1: float("-inf")})
    found = read(message)
    assert found["real"] != found["real"]
    assert found["counts"] == {"1": "-Infinity"}


def test_the_indexes_say_which_type_of_the_file_it_is() -> None:
    inner = TYPES["things.Second"].DESCRIPTOR.nested_types_by_name["Inner"]
    assert inner.full_name == "things.Second.Inner"
    assert decode_protobuf(SCHEMA, b"\x04\x02\x00\x08\x07") == {"x": 7}
    assert decode_protobuf(SCHEMA, b"\x02\x02") == {}


@pytest.mark.parametrize(
    "body", [b"", b"\x01", b"\x02", b"\x02\x08", b"\x04\x00\x0a", b"\xff" * 20, b"\x80\x01" + b"\x00" * 70]
)
def test_wrong_indexes_are_a_reason(body: bytes) -> None:
    assert rule(body) == "message indexes"


@pytest.mark.parametrize(
    "body",
    [
        b"\x08",  # a number that is missing
        b"\x0a\xff\xff\xff\xff\x07",  # a length of 2 GiB
        b"\x32\x02\xff\xfe",  # text that is not UTF-8
        b"\x08" + b"\xff" * 11,  # a number of more than 64 bits
        b"\x0b" * 200,  # groups that never end
    ],
)
def test_what_is_no_message_is_a_reason(body: bytes) -> None:
    assert rule(b"\x00" + body) == "Protobuf"


@pytest.mark.parametrize("levels", [40, 150, 20_000])
def test_a_message_that_is_too_deep_is_a_reason(levels: int) -> None:
    body = b""
    for _ in range(levels):
        length, prefix = len(body), b"\xd2\x01"
        size = bytearray()
        while length >= 0x80:
            size.append(length & 0x7F | 0x80)
            length >>= 7
        body = prefix + bytes([*size, length]) + body
        if len(body) > 1_000_000:
            break
    assert rule(b"\x00" + body) in {"depth", "Protobuf"}


def test_a_schema_that_cannot_be_used_is_a_reason() -> None:
    needs = proto_file("x.proto", descriptor_pb2.DescriptorProto(name="X"), imports=["gone.proto"])
    for text in ("// a text", "AAAA", b64encode(needs.SerializeToString()).decode()):
        assert rule(b"\x00", WrittenSchema("PROTOBUF", text)) == "schema"


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_a_reason(body: bytes) -> None:
    assert isinstance(decode_protobuf(SCHEMA, body), dict | Violation)
