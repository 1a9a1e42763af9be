"""Order lines as the messages that the shop's till sends."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime

import orjson
import polars as pl

from mlinfra_assets.streams.record import NewRecord

NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
SLICE = 20_000


def messages(lines: pl.DataFrame) -> Iterator[tuple[datetime, NewRecord]]:
    """One message a line, with the moment at which it reaches the stream, in the order of the lines.

    A message is a JSON object with the till's names. Quantity and price keep their digits; what does not read as a
    number is sent as the text that it is. The customer's number is text, `17850.0`, or null. The key is the invoice.

    Args:
        lines: Columns of `order_lines.SCHEMA`, in time order.

    Yields:
        The UTC time, and the record.
    """
    for part in lines.iter_slices(SLICE):
        for no, code, description, quantity, local, price, customer, country, at in part.iter_rows():
            value = orjson.dumps(
                {
                    "InvoiceNo": no,
                    "StockCode": code,
                    "Description": description,
                    "Quantity": _number(quantity),
                    "InvoiceDate": f"{local:%Y-%m-%d %H:%M:%S}",
                    "UnitPrice": _number(price),
                    "CustomerID": customer,
                    "Country": country,
                }
            )
            yield at, NewRecord(value, key=None if no is None else no.encode())


def _number(text: str | None) -> object:
    return orjson.Fragment(text) if text is not None and NUMBER.fullmatch(text) else text
