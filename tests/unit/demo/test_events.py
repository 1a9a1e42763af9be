from __future__ import annotations

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from mlinfra_assets.demo import order_lines
from mlinfra_assets.demo.events import messages

NAMES = ["InvoiceNo", "StockCode", "Description", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country"]


def line(**changes: object) -> pl.DataFrame:
    usual = (
        "536365",
        "85123A",
        'A "T-LIGHT"\té',
        "6",
        datetime.fromisoformat("2011-07-01 08:26"),
        "2.550",
        "17850.0",
        "EIRE",
    )
    row = dict(zip(NAMES, usual, strict=True)) | changes
    return order_lines.arrange(pl.DataFrame([row], schema={n: order_lines.SCHEMA[n] for n in NAMES}))


def test_a_line_becomes_the_tills_message_at_its_own_time() -> None:
    ((at, record),) = messages(line())
    assert at == datetime(2011, 7, 1, 7, 26, tzinfo=UTC)
    assert record.key == b"536365"
    assert json.loads(record.value or b"") == {
        "InvoiceNo": "536365",
        "StockCode": "85123A",
        "Description": 'A "T-LIGHT"\té',
        "Quantity": 6,
        "InvoiceDate": "2011-07-01 08:26:00",
        "UnitPrice": 2.55,
        "CustomerID": "17850.0",
        "Country": "EIRE",
    }


def test_prices_keep_their_digits() -> None:
    ((_, record),) = messages(line())
    assert b'"UnitPrice":2.550,' in (record.value or b"")


@pytest.mark.parametrize("text", ["six", "", "1,5", "0x10", "NaN", "01", "1.", "--1", '1,"evil":2'])
def test_what_is_no_number_is_sent_as_text(text: str) -> None:
    ((_, record),) = messages(line(Quantity=text, UnitPrice=text))
    sent = json.loads(record.value or b"")
    assert (sent["Quantity"], sent["UnitPrice"]) == (text, text)


def test_nothing_is_null() -> None:
    ((_, record),) = messages(line(**dict.fromkeys(["CustomerID", "Description", "Quantity", "InvoiceNo"])))
    sent = json.loads(record.value or b"")
    assert [sent[n] for n in ("CustomerID", "Description", "Quantity", "InvoiceNo")] == [None] * 4
    assert record.key is None


def test_order_is_kept() -> None:
    many = pl.concat([line(InvoiceNo=str(n)) for n in range(50)])
    assert [record.key for _, record in messages(many)] == [str(n).encode() for n in range(50)]
