"""Order lines as the till sends them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from zoneinfo import ZoneInfo

import orjson

LONDON = ZoneInfo("Europe/London")


def order_line(row: Mapping[str, object], **changes: object) -> bytes:
    """A staged line as the till sends it."""
    at = row["_event_time"]
    assert isinstance(at, datetime)
    message = {
        "InvoiceNo": row["invoice_no"],
        "StockCode": row["stock_code"],
        "Description": "A THING",
        "Quantity": row["quantity"],
        "InvoiceDate": at.astimezone(LONDON).strftime("%Y-%m-%d %H:%M:%S"),
        "UnitPrice": float(str(row["unit_price"])),
        "CustomerID": f"{row['customer_id']}.0",
        "Country": row["country"],
    }
    return orjson.dumps({**message, **changes})
