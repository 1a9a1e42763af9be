"""Avro messages become records without loss, as fastavro wrote them; what is no such message is a reason."""

from __future__ import annotations

import io
import json
import struct
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

import fastavro
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlinfra_assets.connectors.avro import decode_avro
from mlinfra_assets.connectors.written_schema import Referenced, WrittenSchema
from mlinfra_assets.contracts.violation import Violation

at = datetime.fromisoformat
DECIMAL = {"logicalType": "decimal", "precision": 30}


def logical(kind: str, name: str) -> dict[str, Any]:
    return {"type": kind, "logicalType": name}


def record(*fields: tuple[str, Any], name: str = "r") -> dict[str, Any]:
    return {"type": "record", "name": name, "fields": [{"name": n, "type": t} for n, t in fields]}


def written(schema: Any, value: object) -> bytes:
    out = io.BytesIO()
    fastavro.schemaless_writer(out, fastavro.parse_schema(schema), value)  # pyright: ignore[reportArgumentType]
    return out.getvalue()


def read(schema: Any, body: bytes) -> object:
    return decode_avro(WrittenSchema("AVRO", json.dumps(schema)), body)


def one(kind: Any, value: object) -> object:
    """What a field of this type becomes."""
    schema = record(("x", kind))
    found = read(schema, written(schema, {"x": value}))
    assert isinstance(found, dict), found
    return found["x"]


def rule(found: object) -> str:
    assert isinstance(found, Violation), found
    return found.rule


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        *[("null", None), ("boolean", True), ("int", -(2**31)), ("long", 2**63 - 1), ("long", -(2**63))],
        *[("double", 0.1), ("float", 0.5), ("string", "é漢😀\x00"), ({"type": "long"}, 5)],
        *[(["null", "long"], None), (["null", "long"], 7), (["null", "string", "long"], "x")],
        *[({"type": "array", "items": "long"}, [1, -2, 3]), ({"type": "array", "items": "null"}, [None] * 9)],
        *[({"type": "map", "values": "double"}, {"a": 1.5, "": -0.0}), (record(("y", "string"), name="s"), {"y": "z"})],
        *[({"type": "enum", "name": "e", "symbols": ["A", "B"]}, "B"), ({"type": "long", "logicalType": "none"}, 5)],
    ],
)
def test_values_come_back_as_they_were_written(kind: Any, value: object) -> None:
    assert one(kind, value) == value


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        ({"type": "bytes", **DECIMAL, "scale": 3}, Decimal("-12345678901234567890.125"), None),
        ({"type": "fixed", "name": "f", "size": 9, **DECIMAL, "precision": 18, "scale": 2}, Decimal("0.01"), None),
        (logical("int", "date"), date(1969, 12, 31), None),
        (logical("int", "time-millis"), time(23, 59, 59, 999000), "23:59:59.999000"),
        (logical("long", "time-micros"), time(0, 0, 0, 1), "00:00:00.000001"),
        (logical("long", "timestamp-millis"), at("1969-12-31T23:59:59.999Z"), None),
        (logical("long", "timestamp-micros"), at("9999-12-31T23:59:59.999999Z"), None),
        (logical("long", "local-timestamp-micros"), at("2011-03-27T01:30:00"), None),
        (logical("string", "uuid"), UUID(int=5), str(UUID(int=5))),
        ("bytes", b"\x00\xff", "AP8="),
        ({"type": "fixed", "name": "f", "size": 2}, b"\x00\xff", "AP8="),
    ],
)
def test_logical_types_lose_nothing(kind: Any, value: object, expected: object) -> None:
    found, expected = one(kind, value), value if expected is None else expected
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("kind", "number", "expected"),
    [
        ({"type": "long", "logicalType": "timestamp-nanos"}, 1_000, datetime(1970, 1, 1, 0, 0, 0, 1, UTC)),
        ({"type": "long", "logicalType": "timestamp-nanos"}, 1_001, "1970-01-01T00:00:00.000001001Z"),
        ({"type": "long", "logicalType": "timestamp-micros"}, 2**62, 2**62),
        ({"type": "int", "logicalType": "date"}, 2**31 - 1, 2**31 - 1),
        ({"type": "int", "logicalType": "time-millis"}, 86_400_000, 86_400_000),
    ],
)
def test_what_no_time_can_hold_stays_what_it_was(kind: dict[str, Any], number: int, expected: object) -> None:
    body = written(record(("x", kind["type"])), {"x": number})
    assert read(record(("x", kind)), body) == {"x": expected}


def test_types_are_known_by_name_with_their_namespaces_and_may_refer_to_themselves() -> None:
    node = {"type": "record", "name": "node", "namespace": "a.b", "fields": [
        {"name": "v", "type": {"type": "enum", "name": "colour", "symbols": ["RED"]}},
        {"name": "same", "type": "colour"},
        {"name": "next", "type": ["null", "a.b.node"]},
    ]}  # fmt: skip
    value = {"v": "RED", "same": "RED", "next": {"v": "RED", "same": "RED", "next": None}}
    assert read(node, written(node, value)) == value


def test_a_schema_may_refer_to_others() -> None:
    money = record(("pence", "long"), name="shop.money")
    order = record(("total", "shop.money"))
    schema = WrittenSchema("AVRO", json.dumps(order), (Referenced("shop.money", json.dumps(money)),))
    assert decode_avro(schema, b"\x0a") == {"total": {"pence": 5}}


VALUES = st.fixed_dictionaries({
    "i": st.integers(-(2**31), 2**31 - 1),
    "l": st.integers(-(2**63), 2**63 - 1),
    "d": st.floats(),
    "s": st.text(),
    "b": st.none() | st.booleans(),
    "a": st.lists(st.text(), max_size=4),
    "m": st.dictionaries(st.text(), st.integers(-(2**63), 2**63 - 1), max_size=4),
    "t": st.datetimes(at("0001-01-02"), at("9999-12-30")).map(lambda t: t.replace(tzinfo=UTC)),
    "n": st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**20), max_value=10**20),
})  # fmt: skip
SCHEMA = record(
    *[("i", "int"), ("l", "long"), ("d", "double"), ("s", "string"), ("b", ["null", "boolean"])],
    *[("a", {"type": "array", "items": "string"}), ("m", {"type": "map", "values": "long"})],
    ("t", {"type": "long", "logicalType": "timestamp-micros"}),
    ("n", {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 4}),
)


@settings(deadline=None)
@given(VALUES)
def test_any_record_is_read_back_to_the_last_bit(value: dict[str, Any]) -> None:
    found = read(SCHEMA, written(SCHEMA, value))
    assert isinstance(found, dict)
    assert struct.pack("d", found.pop("d")) == struct.pack("d", value.pop("d"))
    assert found == value


@settings(deadline=None, max_examples=200)
@given(VALUES, st.data())
def test_a_record_that_is_cut_or_changed_is_a_record_or_a_reason(value: dict[str, Any], data: st.DataObject) -> None:
    body = written(SCHEMA, value)
    cut = data.draw(st.integers(0, len(body) - 1))
    assert rule(read(SCHEMA, body[:cut])) == "Avro"
    changed = body[:cut] + bytes([data.draw(st.integers(0, 255))]) + body[cut + 1 :]
    assert isinstance(read(SCHEMA, changed), dict | Violation)


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_are_a_record_or_a_reason(body: bytes) -> None:
    assert isinstance(read(SCHEMA, body), dict | Violation)


def zigzag(number: int) -> bytes:
    value = (number << 1) ^ (number >> 63)
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        ("string", zigzag(2**40) + b"x", "Avro"),
        ("string", zigzag(-1), "Avro"),
        ("string", zigzag(2) + b"\xff\xfe", "Avro"),
        ("long", b"\xff" * 11, "Avro"),
        ("long", b"\xff" * 9 + b"\x7f", "Avro"),
        ("int", zigzag(2**31), "Avro"),
        ("boolean", b"\x02", "Avro"),
        ("long", zigzag(1) + b"left", "Avro"),
        (["null", "long"], zigzag(2), "Avro"),
        ({"type": "enum", "name": "e", "symbols": ["A"]}, zigzag(1), "Avro"),
        ({"type": "array", "items": "null"}, zigzag(2**62) + b"\x00", "Avro"),
        ({"type": "array", "items": "null"}, zigzag(-(2**62)) + zigzag(0) + b"\x00", "Avro"),
        ({"type": "array", "items": "null"}, (zigzag(9_000) * 1000) + b"\x00", "Avro"),
        ({"type": "array", "items": record(name="empty")}, zigzag(2**40) + b"\x00", "Avro"),
        ({"type": "map", "values": "null"}, zigzag(2**40), "Avro"),
        ({"type": "array", "items": "r"}, zigzag(1) * 100_000, "depth"),
        (["null", "r"], zigzag(1) * 1_000_000, "depth"),
        ("r", b"", "depth"),
        ({"type": "bytes", **DECIMAL, "scale": 2}, zigzag(100_000) + b"\x7f" * 100_000, "Avro"),
    ],
    ids=range(19),
)  # fmt: skip
def test_a_bomb_is_a_reason_and_costs_nothing(kind: Any, body: bytes, expected: str) -> None:
    assert rule(read(record(("x", kind)), body)) == expected


@pytest.mark.parametrize(
    "schema",
    ['"no such type"', "{", "[]x", '{"type": "record"}', '{"type": "array", "items": "gone"}', "5", '{"type":' * 5000],
)
def test_a_schema_that_cannot_be_used_is_a_reason(schema: str) -> None:
    assert rule(decode_avro(WrittenSchema("AVRO", schema), b"\x00")) == "schema"


def test_a_message_that_is_no_record_is_a_reason() -> None:
    assert rule(read("string", b"\x02x")) == "object"


def test_within_a_record_what_json_has_no_number_for_is_a_name() -> None:
    schema = record(("x", {"type": "array", "items": "double"}), ("y", "double"))
    found = read(schema, written(schema, {"x": [float("nan"), float("-inf"), 1.5], "y": float("inf")}))
    assert found == {"x": ["NaN", "-Infinity", 1.5], "y": float("inf")}


def test_a_duration_is_months_days_and_milliseconds() -> None:
    schema = record(("x", {"type": "fixed", "name": "d", "size": 12, "logicalType": "duration"}))
    assert read(schema, struct.pack("<III", 1, 2, 3)) == {"x": {"months": 1, "days": 2, "milliseconds": 3}}
