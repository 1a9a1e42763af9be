"""Raw rows to records: each payload by the format of its source, each record with its place in raw."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

import polars as pl

from mlinfra_assets.connectors.avro import decode_avro
from mlinfra_assets.connectors.copy_text import read_rows
from mlinfra_assets.connectors.debezium import OLD_KEY_HEADER, DebeziumDecoder
from mlinfra_assets.connectors.json_lines import decode_message
from mlinfra_assets.connectors.protobuf import decode_protobuf
from mlinfra_assets.connectors.wire_format import split
from mlinfra_assets.connectors.written_schema import Schemas, WrittenSchema
from mlinfra_assets.connectors.zipped_csv import UnreadableFileError, read_records
from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.contracts.source import DatabaseIngest, Source, StreamIngest
from mlinfra_assets.contracts.violation import Violation

MessageReader = Callable[[bytes], dict[str, object] | Violation]
NO_SCHEMAS: Schemas = MappingProxyType({})


@dataclass
class Records:
    """Decoded records, and what could not be decoded, in the order of raw.

    Attributes:
        values: Field, by the producer's name, to value.
        raw: For each record, the number of its raw row in the frame.
        row: For each record, its number within its payload, from 0.
        failed: (raw row, record number, what is wrong) of what holds no record.
    """

    values: list[dict[str, object]] = field(default_factory=list)
    raw: list[int] = field(default_factory=list)
    row: list[int] = field(default_factory=list)
    failed: list[tuple[int, int, Violation]] = field(default_factory=list)

    def add(self, raw: int, row: int, decoded: dict[str, object] | Violation) -> None:
        """Take up one record, or the reason why there is none."""
        if isinstance(decoded, Violation):
            self.failed.append((raw, row, decoded))
        else:
            self.values.append(decoded)
            self.raw.append(raw)
            self.row.append(row)


KINDS = {"json_schema": "JSON", "avro": "AVRO", "protobuf": "PROTOBUF"}
"""The language of the schemas that messages of a format are written with."""

Decoded = dict[str, object] | Violation


def decode(source: Source, raw: pl.DataFrame, max_payload_bytes: int, schemas: Schemas = NO_SCHEMAS) -> Records:
    """The records of raw rows.

    Args:
        source: The source that the rows came from.
        raw: Raw rows; `payload` is read.
        max_payload_bytes: A larger message is not read. Files have limits of their own.
        schemas: The schemas that messages were written with; one that is missing is not known to the registry.
    """
    records = Records()
    payloads: Iterable[bytes | None] = raw["payload"]
    if isinstance(source.ingest, StreamIngest) and source.ingest.changes:
        decoder = DebeziumDecoder(source.contract, max_payload_bytes)
        for number, (payload, old_key) in enumerate(zip(payloads, _header(raw, OLD_KEY_HEADER), strict=True)):
            if (change := decoder.decode(payload, old_key)) is not None:
                records.add(number, 0, change)
        return records
    if isinstance(source.ingest, DatabaseIngest):
        for number, (payload, headers) in enumerate(raw.select("payload", "headers").iter_rows()):
            said = {header["name"]: header["value"] for header in headers}
            for row, record in enumerate(read_rows(payload, said, source.contract)):
                records.add(number, row, record)
        return records
    if isinstance(source.ingest, StreamIngest):
        read = message_reader(source, schemas)
        for number, payload in enumerate(payloads):
            records.add(number, 0, decode_one(payload, read, max_payload_bytes))
        return records
    needed = tuple(f.physical_name for f in source.contract.fields)
    for number, payload in enumerate(payloads):
        row = 0
        try:
            for row, record in enumerate(read_records(payload or b"", source.ingest, needed)):
                records.add(number, row, record)
        except UnreadableFileError as error:
            _drop(records, number)
            records.failed.append((number, 0, error.violation))
    return records


def _header(raw: pl.DataFrame, name: str) -> pl.Series:
    """The value of a header, or of the first of that name; null where there is none."""
    named = pl.element().filter(pl.element().struct.field("name") == name).struct.field("value")
    return raw.select(pl.col("headers").list.eval(named).list.first()).to_series()


def message_reader(source: Source, schemas: Schemas = NO_SCHEMAS) -> MessageReader:
    """What makes a record of a message of this source."""
    assert isinstance(source.ingest, StreamIngest)  # noqa: S101 - the caller chose by this very type
    as_json = json_reader(source.contract)
    kind = KINDS.get(source.ingest.format)
    if kind is None:
        return as_json
    decoders = {"JSON": lambda _, body: as_json(body), "AVRO": decode_avro, "PROTOBUF": decode_protobuf}
    decoder: Callable[[WrittenSchema, bytes], Decoded] = decoders[kind]

    def read(payload: bytes) -> Decoded:
        found = split(payload)
        if isinstance(found, Violation):
            return found
        number, body = found
        schema = schemas.get(number)
        if schema is None:
            return Violation(None, "schema", str(number), f"the registry knows no schema {number}")
        if schema.kind != kind:
            message = f"schema {number} is {schema.kind}, and messages of this source are {kind}"
            return Violation(None, "schema", str(number), message)
        return decoder(schema, body)

    return read


def json_reader(contract: Contract) -> MessageReader:
    """What makes a record of a JSON object."""
    return partial(decode_message, exact=exact_fields(contract))


def decode_one(payload: bytes | None, read: MessageReader, max_payload_bytes: int) -> Decoded:
    """The fields of one message, or what is wrong with it as a whole."""
    if payload is None:
        return Violation(None, "payload", None, "the message has no payload")
    if len(payload) > max_payload_bytes:
        size = f"the message has {len(payload):,} bytes, more than the {max_payload_bytes:,} that are read"
        return Violation(None, "size", None, size)
    return read(payload)


def exact_fields(contract: Contract) -> tuple[str, ...]:
    """Fields, by the producer's name, whose numbers are needed to the last digit."""
    return tuple(f.physical_name for f in contract.fields if f.type in {"integer", "decimal"})


def _drop(records: Records, raw: int) -> None:
    """Forget the records of a file that turned out to be unreadable further on."""
    kept = next((i for i, r in enumerate(records.raw) if r == raw), len(records.raw))
    del records.values[kept:], records.raw[kept:], records.row[kept:]
    records.failed = [f for f in records.failed if f[0] != raw]
