"""Avro, Protobuf and JSON Schema through a real broker: each message once, in one of the two tables, and read again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from google.protobuf import descriptor_pb2
from polars.testing import assert_frame_equal

from mlinfra_assets import names
from mlinfra_assets.clock import FixedClock
from mlinfra_assets.connectors.schema_registry import SchemaRegistry
from mlinfra_assets.contracts.contract import Field
from mlinfra_assets.contracts.source import MessageFormat, Source, StreamIngest
from mlinfra_assets.contracts.validate import process
from mlinfra_assets.ingest.processed import validate_source
from mlinfra_assets.ingest.raw import raw_table
from mlinfra_assets.ingest.streams import land_stream
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.registry.kept_schemas import KeptSchemas
from mlinfra_assets.streams.record import NewRecord
from tests.support.framed import Producer, Proto, framed, framed_source, proto_field, proto_file, proto_types
from tests.support.kafka_topic import OwnTopic, own_topic
from tests.support.schema_registry import SchemaRegistryServer, schema_registry

pytestmark = pytest.mark.service("kafka")
AT = datetime(2011, 3, 27, 1, 30, tzinfo=UTC)
RUN = Provenance("run", "code")
LIMIT = 100_000
FIELDS = (
    Field("number", "number", "integer", required=True, minimum="0"),
    Field("name", "name", "string", max_length=20),
    Field("at", "at", "timestamp"),
)
AVRO = {
    "type": "record",
    "name": "thing",
    "fields": [
        {"name": "number", "type": "long"},
        {"name": "name", "type": ["null", "string"]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    ],
}
NEWER = {**AVRO, "fields": [*AVRO["fields"], {"name": "shop", "type": "string", "default": ""}]}
HOSTILE = [
    *[b"", b"\x00", b"\x00\x00\x00\x00", b"{}", b"\x01\x00\x00\x00\x01\x00", b"\x00" * 5000],
    *[framed(2**32 - 1, b"\x02"), framed(77, b"\x02"), framed(1, b""), framed(1, b"\xff" * 40)],
    *[framed(1, b"\x00" * 2), framed(1, b"{" * 3000), framed(1, b"\xfe" + b"\xff" * 8 + b"\x01")],
    framed(1, b" " * LIMIT),
]


@pytest.fixture
def topic(kafka_servers: str) -> Iterator[OwnTopic]:
    with own_topic(kafka_servers) as made:
        yield made


@pytest.fixture
def server() -> Iterator[SchemaRegistryServer]:
    with schema_registry() as running:
        yield running


def messages(kind: MessageFormat, server: SchemaRegistryServer, numbers: range) -> list[bytes]:
    """Things with these numbers, as the real serializers write them."""
    producer = Producer(server.url)
    if kind == "avro":
        old, new = numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]
        return [
            *producer.avro(AVRO, *({"number": n, "name": None, "at": AT} for n in old)),
            *producer.avro(NEWER, *({"number": n, "name": "é", "at": AT, "shop": "x"} for n in new)),
        ]
    if kind == "json_schema":
        return producer.json({"title": "thing"}, *({"number": n, "name": "é", "at": AT.isoformat()} for n in numbers))
    thing = descriptor_pb2.DescriptorProto(name="Thing")
    thing.field.extend(
        [
            proto_field("number", 1, Proto.TYPE_INT64),
            proto_field("name", 2, Proto.TYPE_STRING),
            proto_field("at", 3, Proto.TYPE_MESSAGE, ".google.protobuf.Timestamp"),
        ]
    )
    kinds = proto_types(proto_file("thing.proto", thing, imports=["google/protobuf/timestamp.proto"]))
    things = [kinds["things.Thing"](number=n, name="é", at=AT) for n in numbers]  # pyright: ignore[reportCallIssue]
    return producer.protobuf(*things)


def ingest(lake: Lake, topic: OwnTopic, source: Source, server: SchemaRegistryServer) -> None:
    land_stream(lake, topic.log, source, RUN, FixedClock(AT))
    validate_source(lake, source, RUN, AT, max_payload_bytes=LIMIT, schema_registry=SchemaRegistry(server.url))


@pytest.mark.parametrize("kind", ["avro", "protobuf", "json_schema"])
def test_every_message_is_processed_or_set_aside_once_and_read_again_without_the_registry(
    kind: MessageFormat, topic: OwnTopic, server: SchemaRegistryServer, tmp_path: Path
) -> None:
    lake = Lake(str(tmp_path))
    declared = framed_source(kind, *FIELDS, event_time="at")
    source = replace(declared, ingest=StreamIngest(topic.name, format=kind, system="kafka"))
    good = messages(kind, server, range(1500))
    sent = [*good[:700], *HOSTILE, *good[700:]]
    for part in (sent[:500], sent[500:]):
        topic.log.append(topic.name, [NewRecord(payload) for payload in part])
        ingest(lake, topic, source, server)
        ingest(lake, topic, source, server)

    raw = raw_table(lake, source).read().sort("partition", "offset")
    assert raw["payload"].to_list() == sent
    valid = lake.table(names.table(*names.processed(source.name))).read()
    quarantine = lake.table(names.table(*names.quarantine(source.name))).read()
    assert sorted(valid["number"]) == list(range(1500))
    places = pl.concat([f.select(names.PARTITION, names.OFFSET) for f in (valid, quarantine)])
    assert places.height == len(sent) == places.unique().height
    assert quarantine["reasons"].list.len().min() == 1

    server.stop()
    schemas = KeptSchemas(lake).kept(source, raw["payload"])
    again = process(source, raw, max_payload_bytes=LIMIT, schemas=schemas)
    assert_frame_equal(again.valid, valid.select(again.valid.columns), check_row_order=False)
    assert_frame_equal(again.quarantined, quarantine.select(again.quarantined.columns), check_row_order=False)
