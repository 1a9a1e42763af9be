"""A shop with views of every kind to ask about at once, and a reader that counts what it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

import polars as pl

from mlinfra_assets.feature_store import ColumnType, DatasetSchema, Entity, FeatureStore, now, request

START = datetime(2011, 1, 1, tzinfo=UTC)
TIME = pl.Datetime("us", "UTC")
COLUMNS = {
    "customer_id": ColumnType("int64"),
    "product": ColumnType("string"),
    "amount": ColumnType("decimal", 2),
    "weight": ColumnType("float64"),
}
ORDERS = DatasetSchema("orders", COLUMNS, "orders", "processed/orders")
CONTRACTS = DatasetSchema(
    "contracts",
    {"contract": ColumnType("int64"), **COLUMNS, "ended": ColumnType("boolean")},
    "contracts",
    "processed/contracts",
    primary_key=("contract",),
    deletes="ended",
)
SHOP = FeatureStore({"orders": ORDERS, "contracts": CONTRACTS})
CUSTOMER = Entity("customer", ["customer_id"])
PRODUCT = Entity("product", ["product"])


@SHOP.create_feature_view("spending", [CUSTOMER])
def spending(orders):
    return {
        "orders": orders.count(),
        "spent_30d": orders["amount"].sum("30d"),
        "weight": orders["weight"].mean(),
        "products": orders["product"].count_distinct(),
        "recent": orders["product"].last_n(3),
    }


@SHOP.create_feature_view("sales", [PRODUCT], ttl="40d")
def sales(orders):
    return {"sold": orders.count("60d"), "price": orders["amount"].quantile(0.5)}


@SHOP.create_feature_view("loyalty", [CUSTOMER, PRODUCT])
def loyalty(orders):
    return {"bought": orders.count(), "share": orders["amount"].sum() / spending["spent_30d"]}


@SHOP.create_feature_view("taste", [CUSTOMER])
def taste(orders):
    favourite = orders["product"].most_frequent()
    return {
        "favourite": favourite,
        "favourite_sold": sales["sold"].at(product=favourite),
        "orders": spending["orders"],
        "ratio": request("basket", "float64") / orders["amount"].mean(),
        "night": now().hour() >= 22,
    }


@SHOP.create_feature_view("committed", [CUSTOMER], ttl="200d")
def committed(contracts):
    return {"contracts": contracts.count(), "worth": contracts["amount"].sum(), "last": contracts["product"].latest()}


EVERYTHING = ["spending", "sales", "loyalty", "taste:favourite", "taste:favourite_sold", "taste:ratio", "committed"]


def shop_rows(orders: int = 3_000, contracts: int = 400, seed: int = 5) -> dict[str, pl.DataFrame]:
    """The rows of both datasets: late ones, repeated ones, without keys; contracts that change hands and end."""
    random = Random(seed)
    bought = [_row(random, number) for number in range(orders)]
    bought += [row | {"_known_at": row["_known_at"] + timedelta(days=1)} for row in random.sample(bought, orders // 20)]
    signed = [
        {"contract": random.choice([None, *range(contracts // 3)]), **_row(random, number)}
        | {"ended": random.choice([None, False, False, False, True])}
        for number in range(contracts)
    ]
    return {"orders": _frame(ORDERS, bought), "contracts": _frame(CONTRACTS, signed)}


def shop_questions(rows: int = 1_200, seed: int = 6) -> pl.DataFrame:
    """Questions in no order: known and unknown customers, nobody, the same question again."""
    random = Random(seed)
    asked = [
        {
            "label": number,
            "customer_id": random.choice([None, *range(60)]),
            "product": random.choice([None, *(f"p{n}" for n in range(12))]),
            "event_timestamp": START + timedelta(seconds=random.randint(-86_400, 86_400 * 220)),
            "basket": random.choice([None, 1.5, 20.25]),
        }
        for number in range(rows)
    ]
    asked += asked[: rows // 10]
    kinds = {"label": pl.Int64, "customer_id": pl.Int64, "product": pl.String, "event_timestamp": TIME}
    return pl.DataFrame(asked, schema={**kinds, "basket": pl.Float64})


class ShopReader:
    """Dataset rows in memory, in small frames.

    Attributes:
        asked: The datasets and versions that were gone through.
    """

    def __init__(self, frames: Mapping[str, pl.DataFrame], batch: int = 250) -> None:
        self._frames, self._batch = frames, batch
        self.asked: list[tuple[str, int | None]] = []

    def rows(self, dataset: str, columns: Sequence[str], version: int | None = None) -> pl.DataFrame:
        self.asked.append((dataset, version))
        return self._frames[dataset].select(columns)

    def batches(self, dataset: str, columns: Sequence[str], version: int | None = None) -> Iterator[pl.DataFrame]:
        yield from self.rows(dataset, columns, version).iter_slices(self._batch)

    def count(self, dataset: str, version: int | None = None) -> int:  # noqa: ARG002 - the protocol's
        return self._frames[dataset].height


def _row(random: Random, number: int) -> dict:
    at = START + timedelta(seconds=random.randint(0, 86_400 * 200))
    return {
        "customer_id": random.choice([None, *range(50)]),
        "product": f"p{random.randint(0, 10)}",
        "amount": random.randint(-500, 9_000),
        "weight": random.choice([None, random.random() * 10 ** random.randint(-6, 9)]),
        "_event_time": at,
        "_known_at": at + timedelta(seconds=random.choice([0, 0, 5, 86_400 * 9])),
        "_offset": number,
    }


def _frame(dataset: DatasetSchema, rows: list[dict]) -> pl.DataFrame:
    kinds = {"contract": pl.Int64(), "customer_id": pl.Int64(), "product": pl.String(), "weight": pl.Float64()}
    kinds |= {"ended": pl.Boolean(), "amount": pl.Int64(), "_event_time": TIME, "_known_at": TIME}
    present = {name: kind for name, kind in kinds.items() if name in rows[0]}
    frame = pl.DataFrame(rows, schema_overrides=present).with_columns(
        amount=(pl.col("amount").cast(pl.Decimal(18, 2)) / 100).cast(pl.Decimal(18, 2)),
        _known_at_assumed=False,
        _partition=pl.lit(0, pl.Int32),
        _row=pl.lit(0, pl.Int64),
        _release=pl.lit(None, pl.Int64),
        _contract_version=pl.lit("v1"),
    )
    return frame.select(*dataset.columns, pl.selectors.starts_with("_")).sample(fraction=1.0, shuffle=True, seed=1)
