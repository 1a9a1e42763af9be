"""A dataset of orders, and short ways to declare views of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mlinfra_assets.feature_store import ColumnType, DatasetSchema, Entity, FeatureStore, FeatureView

COLUMNS = {
    "customer_id": ColumnType("string"),
    "shop_id": ColumnType("int64"),
    "country": ColumnType("string"),
    "order_id": ColumnType("int64"),
    "sku": ColumnType("string"),
    "amount": ColumnType("decimal", 2),
    "quantity": ColumnType("int64"),
    "weight": ColumnType("float64"),
    "gift": ColumnType("boolean"),
    "gone": ColumnType("boolean"),
    "due": ColumnType("timestamp"),
    "birthday": ColumnType("date"),
}
ORDERS = DatasetSchema("orders", COLUMNS, "orders", "processed/orders")
CUSTOMER = Entity("customer", ["customer_id"])
COUNTRY = Entity("country", ["country"])
SHOP = Entity("shop", ["shop_id"])


def new_store(**changes: Any) -> FeatureStore:
    """A store over the orders; the dataset with changes."""
    return FeatureStore({"orders": DatasetSchema(**{**vars(ORDERS), **changes})})


def declare(
    features: Callable[[Any], Mapping[str, Any]], store: FeatureStore | None = None, name: str = "view", **settings: Any
) -> FeatureView:
    """A view of customers."""

    def view(orders):
        return features(orders)

    settings.setdefault("entities", [CUSTOMER])
    return (store or new_store()).create_feature_view(name, **settings)(view)
