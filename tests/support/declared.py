"""The declared sources, raw rows of them, and small contracts for tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import orjson
import polars as pl

from mlinfra_assets.contracts.contract import TIMESTAMP, Contract, Field
from mlinfra_assets.contracts.declaration import load_source
from mlinfra_assets.contracts.report import Processed
from mlinfra_assets.contracts.source import Needs, Source, StreamIngest
from mlinfra_assets.contracts.validate import process
from mlinfra_assets.settings import PROJECT

SOURCES = PROJECT / "mlinfra_assets" / "sources"
LANDED = datetime(2011, 12, 10, 9, tzinfo=UTC)
LIMIT = 1_048_576
LINE = {
    "InvoiceNo": "536365",
    "StockCode": "85123A",
    "Description": "WHITE HANGING HEART T-LIGHT HOLDER",
    "Quantity": 6,
    "InvoiceDate": "2010-12-01 08:26:00",
    "UnitPrice": 2.55,
    "CustomerID": "17850.0",
    "Country": "United Kingdom",
}


def declared(name: str) -> Source:
    """A source of the project, as it is declared."""
    return load_source(SOURCES / f"{name}.yaml")


def line(**changes: object) -> bytes:
    """An order line as the till sends it."""
    return orjson.dumps({**LINE, **changes})


def raw_rows(payloads: Sequence[bytes | None], first: int = 1, known_at: datetime = LANDED) -> pl.DataFrame:
    """Raw rows of one partition with consecutive offsets."""
    return pl.DataFrame(
        {
            "partition": pl.Series([0] * len(payloads), dtype=pl.Int32),
            "offset": pl.Series(range(first, first + len(payloads)), dtype=pl.Int64),
            "known_at": pl.Series([known_at] * len(payloads), dtype=TIMESTAMP),
            "payload": pl.Series(payloads, dtype=pl.Binary),
        }
    )


def processed(source: Source, *payloads: bytes | None) -> Processed:
    """What becomes of these payloads."""
    return process(source, raw_rows(payloads), max_payload_bytes=LIMIT)


def reasons(outcome: Processed) -> list[list[str]]:
    """`field: rule` of every reason of every quarantined record."""
    return [[f"{r['field'] or 'record'}: {r['rule']}" for r in row] for row in outcome.quarantined["reasons"].to_list()]


def stream_source(*fields: Field, **contract: object) -> Source:
    """A source of JSON messages with these fields, and an event time `at` in ISO 8601 if there is none among them."""
    with_time = (*fields, Field("at", "at", "timestamp")) if "event_time" not in contract else fields
    settings = {"event_time": "at", "name": "things", "version": "1.0.0", "description": "", "owner": "us", **contract}
    made = Contract(fields=with_time, **settings)  # pyright: ignore[reportArgumentType]
    return Source("things", str(Path("things.yaml")), made, StreamIngest("things"), Needs(("team:us",)))
