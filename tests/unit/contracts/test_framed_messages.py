"""Messages of every format go through the same contract: typed, nested ones too, and each exactly once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from google.protobuf import descriptor_pb2
from polars.testing import assert_frame_equal

from mlinfra_assets import names
from mlinfra_assets.connectors.schema_registry import SchemaRegistry
from mlinfra_assets.contracts import typed_records
from mlinfra_assets.contracts.contract import Field
from mlinfra_assets.contracts.report import Processed
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.contracts.validate import process
from tests.support.declared import LIMIT, raw_rows, reasons
from tests.support.framed import Producer, Proto, framed, framed_source, proto_field, proto_file, proto_types
from tests.support.schema_registry import SchemaRegistryServer, schema_registry

AT = datetime(2011, 3, 27, 1, 30, tzinfo=UTC)
FIELDS = (
    Field("name", "name", "string", required=True),
    Field("amount", "amount", "decimal", scale=2),
    Field("day", "day", "date"),
    Field("city", "address.city", "string"),
    Field("zip", "address.zip", "integer", minimum="1"),
    Field("address", "address", "object"),
    Field("tags", "tags", "array"),
    Field("at", "at", "timestamp"),
)
SCHEMA = {
    "type": "record",
    "name": "thing",
    "fields": [
        {"name": "name", "type": "string"},
        {"name": "amount", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 18, "scale": 2}]},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "address", "type": {"type": "record", "name": "address", "fields": [
            {"name": "zip", "type": "long"}, {"name": "city", "type": "string"},
        ]}},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "unasked", "type": "int", "default": 1},
    ],
}  # fmt: skip
THING = {
    "name": "tea",
    "amount": Decimal("12345678901234.55"),
    "day": date(2011, 3, 27),
    "address": {"zip": 7, "city": "Köln"},
    "tags": ["b", "a"],
    "at": AT,
    "unasked": 1,
}
EXPECTED = {
    "name": "tea",
    "amount": Decimal("12345678901234.55"),
    "day": date(2011, 3, 27),
    "city": "Köln",
    "zip": 7,
    "address": '{"city":"Köln","zip":7}',
    "tags": '["b","a"]',
    "at": AT,
}
AS_JSON = {**THING, "amount": "12345678901234.55", "day": "2011-03-27", "at": "2011-03-27T01:30:00Z"}


@pytest.fixture
def server() -> Iterator[SchemaRegistryServer]:
    with schema_registry() as running:
        yield running


def processed(server: SchemaRegistryServer, source: Source, messages: Sequence[bytes | None]) -> Processed:
    schemas = SchemaRegistry(server.url).schemas([*range(1, 9), 77])
    return process(source, raw_rows(messages), max_payload_bytes=LIMIT, schemas=schemas)


def record(found: Processed) -> dict:
    return {name: value for name, value in found.valid.row(0, named=True).items() if name in EXPECTED}


def test_avro_messages_are_typed(server: SchemaRegistryServer) -> None:
    found = processed(server, framed_source("avro", *FIELDS, event_time="at"), Producer(server.url).avro(SCHEMA, THING))
    assert record(found) == EXPECTED
    assert found.report.unknown_fields == {"unasked": 1}


def test_json_schema_messages_are_typed(server: SchemaRegistryServer) -> None:
    found = processed(
        server,
        framed_source("json_schema", *FIELDS, event_time="at"),
        Producer(server.url).json({"title": "t"}, AS_JSON),
    )
    assert record(found) == EXPECTED


def test_protobuf_messages_are_typed(server: SchemaRegistryServer) -> None:
    thing = descriptor_pb2.DescriptorProto(name="Thing")
    thing.nested_type.add(name="Address").field.extend(
        [proto_field("zip", 1, Proto.TYPE_UINT64), proto_field("city", 2, Proto.TYPE_STRING)]
    )
    thing.field.extend(
        [
            proto_field("name", 1, Proto.TYPE_STRING),
            proto_field("amount", 2, Proto.TYPE_STRING),
            proto_field("day", 3, Proto.TYPE_STRING),
            proto_field("address", 4, Proto.TYPE_MESSAGE, ".things.Thing.Address"),
            proto_field("tags", 5, Proto.TYPE_STRING, repeated=True),
            proto_field("at", 6, Proto.TYPE_MESSAGE, ".google.protobuf.Timestamp"),
        ]
    )
    kinds = proto_types(proto_file("thing.proto", thing, imports=["google/protobuf/timestamp.proto"]))
    message = kinds["things.Thing"]()
    message.name, message.amount, message.day = "tea", "12345678901234.55", "2011-03-27"  # pyright: ignore[reportAttributeAccessIssue]
    message.address.zip, message.address.city = 7, "Köln"  # pyright: ignore[reportAttributeAccessIssue]
    message.tags.extend(["b", "a"])  # pyright: ignore[reportAttributeAccessIssue]
    message.at.FromDatetime(AT)  # pyright: ignore[reportAttributeAccessIssue]
    found = processed(
        server, framed_source("protobuf", *FIELDS, event_time="at"), Producer(server.url).protobuf(message)
    )
    assert record(found) == EXPECTED


@pytest.mark.parametrize("least", [0, 10**9])
def test_json_schema_messages_are_the_same_by_the_batch_and_one_by_one(
    server: SchemaRegistryServer, monkeypatch: pytest.MonkeyPatch, least: int
) -> None:
    monkeypatch.setattr(typed_records, "LEAST_RECORDS", least)
    source = framed_source("json_schema", *(f for f in FIELDS if "." not in f.physical_name), event_time="at")
    good = Producer(server.url).json({"title": "t"}, *({**AS_JSON, "name": str(i), "new": i} for i in range(50)))
    hostile = [None, b"", b"\x00", b"{}", framed(77, b"{}"), framed(1, b""), framed(1, b"[]"), framed(1, b"{" * 100)]
    found = processed(server, source, [*good[:25], *hostile, *good[25:], framed(1, b" " * LIMIT)])
    assert found.valid["name"].to_list() == [str(i) for i in range(50)]
    assert reasons(found) == [
        *[["record: payload"], ["record: wire format"], ["record: wire format"], ["record: wire format"]],
        *[["record: schema"], ["record: JSON"], ["record: object"], ["record: JSON"], ["record: size"]],
    ]
    assert found.report.unknown_fields == {"new": 50, "unasked": 50}


def test_a_value_that_breaks_the_contract_is_quarantined_with_its_record(server: SchemaRegistryServer) -> None:
    source = framed_source("avro", *FIELDS, event_time="at")
    wrong = {**THING, "address": {"zip": 0, "city": "a\x00b"}}
    found = processed(server, source, Producer(server.url).avro(SCHEMA, wrong, THING))
    assert reasons(found) == [["city: NUL", "zip: minimum"]]
    assert '"2011-03-27 01:30:00+00:00"' in found.quarantined["record"][0]
    assert found.valid[names.OFFSET].to_list() == [2]


def test_a_schema_of_another_language_is_a_reason(server: SchemaRegistryServer) -> None:
    messages = Producer(server.url).avro(SCHEMA, THING)
    found = processed(server, framed_source("protobuf", *FIELDS, event_time="at"), messages)
    assert reasons(found) == [["record: schema"]]


def test_a_field_within_another_is_exact_also_in_plain_json(server: SchemaRegistryServer) -> None:
    source = framed_source("json", Field("x", "a.b.c", "decimal", scale=3), Field("y", "a.b", "integer"))
    at = b'"at":"2011-01-01T00:00:00Z"}'
    messages = [
        b'{"a":{"b":{"c":123456789012345.123}},' + at,
        b'{"a":{"b":5},' + at,
        b'{"a":[],"a.b":6,' + at,
        b'{"a.b.c":1.5,"a":{"b":7},' + at,
    ]
    found = processed(server, source, messages)
    assert found.valid["x"].to_list() == [None, None, Decimal("1.5")]
    assert found.valid["y"].to_list() == [5, 6, 7]
    assert reasons(found) == [["y: type"]]
    nested = replace(source, contract=replace(source.contract, fields=source.contract.fields[::2]))
    assert processed(server, nested, messages[:1]).valid["x"].to_list() == [Decimal("123456789012345.123")]


def test_the_outcome_does_not_depend_on_the_order_of_messages(server: SchemaRegistryServer) -> None:
    source = framed_source("avro", *FIELDS, event_time="at")
    messages = Producer(server.url).avro(SCHEMA, *({**THING, "name": str(i)} for i in range(20)))
    rows = raw_rows([*messages, framed(1, b"\x02")])
    schemas = SchemaRegistry(server.url).schemas([1])
    straight = process(source, rows, max_payload_bytes=LIMIT, schemas=schemas)
    turned = process(source, rows.reverse(), max_payload_bytes=LIMIT, schemas=schemas)
    assert_frame_equal(straight.valid, turned.valid)
    assert_frame_equal(straight.quarantined, turned.quarantined)
