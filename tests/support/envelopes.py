"""Changes of a table of orders as Debezium writes them, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import polars as pl

from mlinfra_assets.contracts.contract import TIMESTAMP
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.streams.records import HEADERS
from tests.support.declared_table import declared_table

FIELDS = {"id": "key integer", "customer": "integer", "note": "string", "amount": "integer"}
TYPES = {"id": "int32", "customer": "int32", "note": "string", "amount": "int64"}
UNSENT = "__debezium_unavailable_value"
START = 1_700_000_000_000_000
SECOND = 1_000_000


def orders(folder: Path) -> Source:
    """The source of the orders' changes."""
    ingest = {"kind": "stream", "system": "kafka", "format": "debezium_json", "topic": "shop.public.orders"}
    return declared_table(folder, "orders", FIELDS, ingest)


@dataclass(frozen=True)
class Change:
    """A change of an order.

    Attributes:
        op: What happened, as Debezium says it.
        row: The row after it, or of a delete the key; None of a truncate.
        lsn: Where it stands in the database's log; its transaction and time follow from it.
        partition: Of the topic.
        old_key: The key before, of the second half of a change of key.
    """

    op: str
    row: dict[str, Any] | None
    lsn: int
    partition: int = 0
    old_key: int | None = None

    def payload(self) -> bytes:
        """The message."""
        row = None if self.row is None else {name: self.row.get(name) for name in TYPES}
        columns = [{"type": kind, "optional": name != "id", "field": name} for name, kind in TYPES.items()]
        table = [{"type": "struct", "fields": columns, "field": side} for side in ("before", "after")]
        event = {
            "before": row if self.op == "d" else None,
            "after": None if self.op == "d" else row,
            "source": {"lsn": self.lsn, "txId": self.lsn, "ts_us": START + self.lsn * SECOND, "snapshot": "false"},
            "op": self.op,
        }
        return orjson.dumps({"schema": {"type": "struct", "fields": table}, "payload": event})


def raw_changes(changes: Sequence[Change | None], known_at: Sequence[int] | None = None) -> pl.DataFrame:
    """Raw rows of changes in order of arrival, each known a second after the one before; None: a tombstone."""
    offsets: dict[int, int] = {}
    rows: list[dict[str, Any]] = []
    for number, change in enumerate(changes):
        partition = 0 if change is None else change.partition
        offsets[partition] = offsets.get(partition, -1) + 1
        moved = change is not None and change.old_key is not None
        header = {"name": "__debezium.oldkey", "value": orjson.dumps({"id": change.old_key})} if moved else None  # pyright: ignore[reportOptionalMemberAccess]
        at = START + 10**9 + (number if known_at is None else known_at[number]) * SECOND
        rows.append(
            {
                "partition": partition,
                "offset": offsets[partition],
                "known_at": datetime.fromtimestamp(at / SECOND, UTC),
                "headers": [] if header is None else [header],
                "payload": None if change is None else change.payload(),
            }
        )
    schema = {
        "partition": pl.Int32(),
        "offset": pl.Int64(),
        "known_at": TIMESTAMP,
        "headers": HEADERS,
        "payload": pl.Binary(),
    }
    return pl.DataFrame(rows, schema=schema)
