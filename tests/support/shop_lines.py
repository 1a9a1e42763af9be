"""A small shop's staged order lines, made by a seed: who buys, comes back, returns and stays away."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

import polars as pl

from mlinfra_assets.feature_store import ColumnType, DatasetSchema

START = datetime(2011, 1, 3, 9, 0, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")
COLUMNS = {
    "invoice_no": ColumnType("string"),
    "stock_code": ColumnType("string"),
    "quantity": ColumnType("int64"),
    "unit_price": ColumnType("decimal", 3),
    "line_amount": ColumnType("decimal", 3),
    "customer_id": ColumnType("int64"),
    "country": ColumnType("string"),
    "invoiced_at": ColumnType("timestamp"),
    "is_sale": ColumnType("boolean"),
    "is_return": ColumnType("boolean"),
    "is_cancellation": ColumnType("boolean"),
    "is_bad_debt": ColumnType("boolean"),
    "is_product": ColumnType("boolean"),
}
LINES = DatasetSchema("stg_order_lines", COLUMNS, source="order_lines", table="curated/stg_order_lines")
SCHEMA = {
    "invoice_no": pl.String(),
    "stock_code": pl.String(),
    "quantity": pl.Int64(),
    "unit_price": pl.Decimal(18, 3),
    "line_amount": pl.Decimal(18, 3),
    "customer_id": pl.Int64(),
    "country": pl.String(),
    "invoiced_at": TIME,
    "is_sale": pl.Boolean(),
    "is_return": pl.Boolean(),
    "is_cancellation": pl.Boolean(),
    "is_bad_debt": pl.Boolean(),
    "is_product": pl.Boolean(),
    "_event_time": TIME,
    "_known_at": TIME,
    "_known_at_assumed": pl.Boolean(),
    "_partition": pl.Int32(),
    "_offset": pl.Int64(),
    "_row": pl.Int64(),
    "_release": pl.Int64(),
    "_contract_version": pl.String(),
}


def shop_lines(customers: int = 120, days: int = 300, seed: int = 3) -> pl.DataFrame:
    """Staged lines in order of position; every customer has a pace of its own, and may stop coming."""
    random = Random(seed)
    visits: list[tuple[datetime, int, int]] = []
    for customer in range(customers):
        pace, stays = random.choice([5, 12, 25, 50]), random.uniform(0.2, 1.4)
        at = START + timedelta(days=random.uniform(0, days / 2))
        leaves = START + timedelta(days=days * stays)
        while at < min(leaves, START + timedelta(days=days)):
            visits.append((at, 12_000 + customer, random.randint(1, 4)))
            at += timedelta(days=random.expovariate(1 / pace) + 0.05, microseconds=random.randint(0, 999_999))
    rows: list[dict[str, object]] = []
    for number, (at, customer, size) in enumerate(sorted(visits)):
        back = random.random() < 0.08
        for _ in range(size):
            rows.append(_line(random, len(rows), at, customer, number, back))
    return pl.DataFrame(rows, schema=SCHEMA)


def _line(random: Random, offset: int, at: datetime, customer: int, number: int, back: bool) -> dict[str, object]:
    quantity = random.randint(1, 12) * (-1 if back else 1)
    price = Decimal(random.randint(50, 2_000)).scaleb(-2)
    return {
        "invoice_no": f"{'C' if back else ''}{536_000 + number}",
        "stock_code": f"{random.randint(22_000, 22_030)}",
        "quantity": quantity,
        "unit_price": price,
        "line_amount": price * quantity,
        "customer_id": customer,
        "country": "United Kingdom",
        "invoiced_at": at,
        "is_sale": not back,
        "is_return": back,
        "is_cancellation": back,
        "is_bad_debt": False,
        "is_product": True,
        "_event_time": at,
        "_known_at": at + timedelta(seconds=2),
        "_known_at_assumed": False,
        "_partition": 0,
        "_offset": offset,
        "_row": 0,
        "_release": None,
        "_contract_version": "test",
    }


class FrameReader:
    """Dataset rows from frames in memory."""

    def __init__(self, frames: Mapping[str, pl.DataFrame]) -> None:
        self._frames = frames

    def rows(self, dataset: str, columns: Sequence[str], version: int | None = None) -> pl.DataFrame:  # noqa: ARG002 - the protocol's
        return self._frames[dataset].select(columns)

    def batches(self, dataset: str, columns: Sequence[str], version: int | None = None) -> Iterator[pl.DataFrame]:
        yield from self.rows(dataset, columns, version).iter_slices(1_000)

    def count(self, dataset: str, version: int | None = None) -> int:  # noqa: ARG002 - the protocol's
        return self._frames[dataset].height
