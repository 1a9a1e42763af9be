"""Order lines that come in after the shop's history has been played."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import orjson

from mlinfra_assets.streams.record import NewRecord
from tests.support.platform import Platform

LONDON = ZoneInfo("Europe/London")
TOPIC = "order_lines"


def line(number: int, at: datetime, **changes: object) -> NewRecord:
    """A valid line as the till sends it, the `number`-th of the test; with `changes` by the till's names."""
    message = {
        "InvoiceNo": f"{700_000 + number // 5}",
        "StockCode": "85123A",
        "Description": f"LINE {number}",
        "Quantity": 1 + number % 12,
        "InvoiceDate": at.astimezone(LONDON).strftime("%Y-%m-%d %H:%M:%S"),
        "UnitPrice": 2.55,
        "CustomerID": f"{13_000 + number % 7}.0",
        "Country": "United Kingdom",
    }
    return NewRecord(orjson.dumps({**message, **changes}), key=str(message["InvoiceNo"]).encode())


def send(platform: Platform, count: int, broken: int = 0) -> list[bytes]:
    """Let an hour pass and send `count` lines, the first `broken` of them with a quantity that is no number.

    Returns:
        The payloads, in order.
    """
    at = platform.clock.now() + timedelta(hours=1)
    platform.clock.set(at)
    records = [line(n, at, **({"Quantity": "a dozen"} if n < broken else {})) for n in range(count)]
    platform.log.append(TOPIC, records, at=at)
    return [record.value or b"" for record in records]
