"""A few processed rows, written by hand, for tests of what is curated from them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import polars as pl

from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.positions import Positions

COORDINATES = {
    "_event_time": pl.Datetime("us", "UTC"),
    "_known_at": pl.Datetime("us", "UTC"),
    "_known_at_assumed": pl.Boolean,
    "_partition": pl.Int32,
    "_offset": pl.Int64,
    "_row": pl.Int64,
    "_release": pl.Int64,
    "_contract_version": pl.String,
}
ORDER_LINES = {
    "invoice_no": pl.String,
    "stock_code": pl.String,
    "description": pl.String,
    "quantity": pl.Int64,
    "invoiced_at": pl.Datetime("us", "UTC"),
    "unit_price": pl.Decimal(18, 3),
    "customer_id": pl.Int64,
    "country": pl.String,
    **COORDINATES,
}
EXCHANGE_RATES = {"rate_date": pl.Date, "currency": pl.String, "rate": pl.Decimal(18, 6), **COORDINATES}

LINES = (
    ("536365", "85123A", "HOLDER ", 6, "2010-12-01T08:26", "2.550", 17850),
    ("536365", "POST", "POSTAGE", 1, "2010-12-01T08:26", "18.000", 17850),
    ("536366", "22633", "HAND WARMER", 2, "2010-12-01T09:00", "1.850", None),
    ("C536379", "D", "Discount", -1, "2010-12-02T09:41", "0.500", 17850),
    ("C536380", "85123A", "HOLDER", -1, "2010-12-02T09:42", "2.550", 17850),
    ("536390", "22633", "HAND WARMER", 10, "2010-12-04T10:19", "1.850", 14527),
    ("A563185", "B", "Adjust bad debt", 1, "2010-12-04T14:50", "11062.060", None),
)
RATES = (("2010-12-01", "GBP", "0.840000"), ("2010-12-03", "GBP", "0.850000"), ("2010-12-03", "USD", "1.320000"))


def order_lines(lines: tuple = LINES, first_offset: int = 0) -> pl.DataFrame:
    """Rows as the processed table of order lines holds them, known a second after they happened."""
    rows = []
    for offset, (invoice, code, words, quantity, at, price, customer) in enumerate(lines, first_offset):
        moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
        row = (invoice, code, words, quantity, moment, Decimal(price), customer, "United Kingdom")
        rows.append((*row, moment, moment.replace(second=1), False, 0, offset, 0, None, "contract"))
    return pl.DataFrame(rows, schema=ORDER_LINES, orient="row")


def exchange_rates(rates: tuple = RATES) -> pl.DataFrame:
    """Rows as the processed table of exchange rates holds them, all of one file."""
    rows = []
    for row, (day, currency, rate) in enumerate(rates):
        moment = datetime.fromisoformat(day).replace(tzinfo=UTC)
        values = (date.fromisoformat(day), currency, Decimal(rate))
        rows.append((*values, moment, moment.replace(hour=16), True, 0, 1, row, None, "contract"))
    return pl.DataFrame(rows, schema=EXCHANGE_RATES, orient="row")


def write_order_lines(lake: Lake, rows: pl.DataFrame) -> None:
    """Append rows, with the positions that the table then holds."""
    reached = Positions({0: int(rows["_offset"].to_list()[-1])})
    provenance = Provenance("ingest", "code", positions={"order_lines": reached})
    lake.table("processed/order_lines").append(rows, provenance=provenance)


def write_exchange_rates(lake: Lake, rows: pl.DataFrame) -> None:
    """Append rows, with the positions that the table then holds."""
    provenance = Provenance("ingest", "code", positions={"exchange_rates": Positions({0: 1})})
    lake.table("processed/exchange_rates").append(rows, provenance=provenance)
