"""Debezium's envelope as Kafka Connect's JSON converter writes it: bytes to a change, or the reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from mlinfra_assets.connectors.debezium_values import Reader, is_unavailable, reader
from mlinfra_assets.contracts.added_fields import DELETE, INSERT, READ, TRUNCATE, UPDATE
from mlinfra_assets.contracts.contract import Contract, FieldType
from mlinfra_assets.contracts.violation import Violation, shown

PAYLOAD = b',"payload":'
"""Ends the schema: inside of a JSON text its quotes would be escaped."""
SCHEMA = b'{"schema":{'
OPS = {INSERT, UPDATE, DELETE, READ, TRUNCATE}
UNSENT = "change:unsent"
"""Names the columns of a decoded change whose values the database did not send."""
OLD_KEY = "change:old_key"
"""Holds the key that a row had before, of an insert that is one half of a change of key."""
OLD_KEY_HEADER = "__debezium.oldkey"
ASIDE = {UNSENT, OLD_KEY}
"""What a decoded change carries beside its fields."""


@dataclass(frozen=True)
class _Plan:
    """How the messages of one schema are read: by column the reader of its values."""

    readers: Mapping[str, Reader]


class DebeziumDecoder:
    """Decodes the changes of one table; it remembers how the last schema is read.

    Args:
        contract: Its fields, by the names of the table's columns, and its primary key.
        max_payload_bytes: A larger message is not read.
    """

    def __init__(self, contract: Contract, max_payload_bytes: int) -> None:
        self._kinds: dict[str, FieldType] = {f.physical_name: f.type for f in contract.fields}
        self._columns = [f.physical_name for f in contract.fields if not f.physical_name.startswith("change:")]
        self._key = [contract.field(name).physical_name for name in contract.primary_key]
        self._max = max_payload_bytes
        self._schema = b""
        self._plan = _Plan({})

    def decode(self, payload: bytes | None, old_key: bytes | None = None) -> dict[str, object] | Violation | None:
        """A change: the row's values by column, and `change:...`, what the change is; None for a tombstone.

        An insert, an update and a read have the row after the change. A delete has the row's key and leaves the other
        columns unsent: without REPLICA IDENTITY FULL Debezium fills them with defaults. A truncate has no column.

        Args:
            payload: The message's bytes.
            old_key: Its header `__debezium.oldkey`, if it has one: the key of a row that has another one now.
        """
        if payload is None:
            return None
        if len(payload) > self._max:
            size = f"the message has {len(payload):,} bytes, more than the {self._max:,} that are read"
            return Violation(None, "size", None, size)
        try:
            change = self._decoded(payload)
            moved = {OLD_KEY: self._row(orjson.loads(old_key))[0]} if old_key is not None else {}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            return Violation(None, "envelope", shown(payload[:100]), f"is no change in Debezium's envelope: {error!r}")
        return change | moved if isinstance(change, dict) and UNSENT in change else change

    def _decoded(self, payload: bytes) -> dict[str, object] | Violation:
        cut = payload.find(PAYLOAD)
        if not payload.startswith(SCHEMA) or cut < 0:
            return Violation(
                None, "schema", shown(payload[:100]),
                "the message carries no schema, so what its numbers stand for would be a guess: set "
                "value.converter.schemas.enable=true",
            )  # fmt: skip
        self._read_schema(payload[:cut])
        event = orjson.loads(payload[cut + len(PAYLOAD) : -1])
        if not isinstance(event, dict) or event.get("op") not in OPS:
            return Violation(None, "envelope", shown(event), "is no change of a row in Debezium's envelope")
        return self._change(event)

    def _read_schema(self, schema: bytes) -> None:
        if schema == self._schema:
            return
        envelope = orjson.loads(schema + b"}")["schema"]
        rows = {f["field"]: f for f in envelope["fields"]}
        columns = {f["field"]: f for f in rows["after"]["fields"]}
        self._plan = _Plan({name: reader(columns[name], kind) for name, kind in self._kinds.items() if name in columns})
        self._schema = schema

    def _change(self, event: Mapping[str, Any]) -> dict[str, object] | Violation:
        op, source = event["op"], event["source"]
        deleted = op in {DELETE, TRUNCATE}
        row = event["before"] if op == DELETE else event["after"]
        if op != TRUNCATE and not isinstance(row, dict):
            return Violation(None, "envelope", op, "the change has no row")
        read: dict[str, object] = {
            "change:op": op,
            "change:deleted": deleted,
            "change:at": _iso(source),
            "change:lsn": source["lsn"],
            "change:tx": None if op == READ else source.get("txId"),
            "change:before": self._before(event.get("before")),
        }
        if op == TRUNCATE:
            return read
        if op == DELETE:
            row = {name: row[name] for name in self._key}
        values, unsent = self._row(row)
        broken = next((v for v in values.values() if isinstance(v, Violation)), None)
        if broken is not None:
            column = next(name for name, v in values.items() if v is broken)
            return Violation(column, broken.rule, broken.value, broken.message)
        unsent += [name for name in self._columns if name not in row] if op == DELETE else []
        return read | values | ({UNSENT: unsent} if unsent else {})

    def _before(self, row: object) -> dict[str, object] | None:
        """The row before, as far as it can be read."""
        if not isinstance(row, dict):
            return None
        return {name: value for name, value in self._row(row)[0].items() if not isinstance(value, Violation)}

    def _row(self, row: Mapping[str, object]) -> tuple[dict[str, object], list[str]]:
        """Values by column, and the columns whose value was not sent."""
        readers = self._plan.readers
        values: dict[str, object] = {}
        unsent: list[str] = []
        for name, value in row.items():
            if value is not None and is_unavailable(value):
                unsent.append(name)
            else:
                read = readers.get(name)
                values[name] = value if value is None or read is None else read(value)
        return values, unsent


def _iso(source: Mapping[str, Any]) -> str:
    """When a change was committed, as ISO 8601 text."""
    import numpy as np

    micros = source.get("ts_us")
    return f"{np.datetime64(source['ts_ms'] * 1000 if micros is None else micros, 'us')}Z"


def decode_key(key: bytes | None, kinds: Mapping[str, FieldType]) -> dict[str, object]:
    """The columns of a message's key; none where it cannot be read.

    Args:
        key: The key's bytes, with its schema.
        kinds: What the contract's fields hold, by the names of the table's columns.
    """
    try:
        written = orjson.loads(key or b"")
        fields = {field["field"]: field for field in written["schema"]["fields"]}
        return {name: reader(fields[name], kinds[name])(value) for name, value in written["payload"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}
