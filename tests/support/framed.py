"""Messages in Confluent's wire format, as confluent-kafka's own serializers write them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from confluent_kafka.schema_registry import Schema as RegistrySchema
from confluent_kafka.schema_registry import SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, message_factory
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message

from mlinfra_assets.contracts.contract import Field
from mlinfra_assets.contracts.source import MessageFormat, Source, StreamIngest
from tests.support.declared import stream_source

Proto = descriptor_pb2.FieldDescriptorProto
WELL_KNOWN = ("timestamp", "struct", "duration", "wrappers", "any")


def framed(number: int, body: bytes) -> bytes:
    """A message that names a schema."""
    return b"\x00" + number.to_bytes(4, "big") + body


def framed_source(kind: MessageFormat, *fields: Field, **contract: object) -> Source:
    """A source of messages in this format."""
    source = stream_source(*fields, **contract)
    return replace(source, ingest=StreamIngest("things", format=kind))


class Producer:
    """Writes messages for a topic, registering their schemas.

    Args:
        url: The registry's address.
        topic: The topic.
    """

    def __init__(self, url: str, topic: str = "things") -> None:
        self._url = url
        self._context = SerializationContext(topic, MessageField.VALUE)

    def register(self, subject: str, schema: dict[str, Any]) -> int:
        """Register an Avro schema by itself; its number."""
        with SchemaRegistryClient({"url": self._url}) as client:
            return client.register_schema(subject, RegistrySchema(json.dumps(schema), "AVRO"))

    def avro(
        self, schema: dict[str, Any], *records: dict[str, Any], references: Sequence[SchemaReference] = ()
    ) -> list[bytes]:
        """Records in Avro."""
        with SchemaRegistryClient({"url": self._url}) as client:
            written = RegistrySchema(json.dumps(schema), "AVRO", list(references))
            serializer = AvroSerializer(client, written)  # pyright: ignore[reportCallIssue]
            return self._written(serializer, records)

    def json(self, schema: dict[str, Any], *records: dict[str, Any]) -> list[bytes]:
        """Records in JSON, of a JSON Schema."""
        with SchemaRegistryClient({"url": self._url}) as client:
            serializer = JSONSerializer(json.dumps(schema), client)  # pyright: ignore[reportCallIssue]
            return self._written(serializer, records)

    def protobuf(self, *messages: Message) -> list[bytes]:
        """Messages of one Protobuf type."""
        with SchemaRegistryClient({"url": self._url}) as client:
            serializer = ProtobufSerializer(type(messages[0]), client)  # pyright: ignore[reportCallIssue]
            return self._written(serializer, messages)

    def _written(self, serializer: Any, values: Sequence[Any]) -> list[bytes]:
        return [serializer(value, self._context) for value in values]


def proto_file(
    name: str, *messages: descriptor_pb2.DescriptorProto, imports: Sequence[str] = ()
) -> descriptor_pb2.FileDescriptorProto:
    """A `.proto` file of the package `things`, in proto3."""
    file = descriptor_pb2.FileDescriptorProto(name=name, package="things", syntax="proto3", dependency=list(imports))
    file.message_type.extend(messages)
    return file


def proto_types(*files: descriptor_pb2.FileDescriptorProto) -> dict[str, type[Message]]:
    """The message types of files, by their full names."""
    from importlib import import_module

    pool = DescriptorPool()
    for name in WELL_KNOWN:
        known = descriptor_pb2.FileDescriptorProto()
        import_module(f"google.protobuf.{name}_pb2").DESCRIPTOR.CopyToProto(known)
        pool.Add(known)
    for file in files:
        pool.Add(file)
    return message_factory.GetMessageClassesForFiles([file.name for file in files], pool)


def proto_field(name: str, number: int, kind: int, type_name: str = "", *, repeated: bool = False) -> Proto:
    """A field of a message."""
    label = Proto.LABEL_REPEATED if repeated else Proto.LABEL_OPTIONAL
    return Proto(name=name, number=number, type=kind, label=label, type_name=type_name or None)  # pyright: ignore[reportArgumentType]
