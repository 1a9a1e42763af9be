"""Feature views as the registry keeps them: small documents, and the circumstances of their registration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from mlinfra_assets.feature_store import ColumnType, DatasetSchema, Entity, FeatureStore
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.registry.registration import Registration

AT = datetime(2011, 6, 1, tzinfo=UTC)
ORDERS = DatasetSchema(
    "orders",
    {
        "customer_id": ColumnType("int64"),
        "order_id": ColumnType("int64"),
        "amount": ColumnType("decimal", 2),
        "is_sale": ColumnType("boolean"),
    },
    "orders",
    "processed/orders",
)
CUSTOMER = Entity("customer", ["customer_id"], description="Somebody with an account.")


def registration(run: str = "run-1", by: str = "ann", days: int = 0, code: str = "") -> Registration:
    """Circumstances, some days after the first of June 2011."""
    return Registration(AT + timedelta(days=days), run, by, code)


def document(
    features: Callable[[Any], Mapping[str, Any]],
    *,
    dataset: DatasetSchema = ORDERS,
    rests_on: Mapping[str, str] | None = None,
    sql: str | None = None,
    contract: Mapping[str, Any] | None = None,
    **declared: Any,
) -> ViewDocument:
    """The document of a view `customers` that is declared so."""

    def customers(orders):
        return features(orders)

    store = FeatureStore({"orders": dataset})
    entities = declared.pop("entities", [CUSTOMER])
    view = store.create_feature_view("customers", entities, **declared)(customers)
    return ViewDocument(view, rests_on or {}, sql, "orders", contract or {})


def counting(window: str = "30d", **more: Any) -> ViewDocument:
    """A view with the count over a window as its one feature."""
    return document(lambda orders: {"n": orders.count(window)}, **more)


def looking_up(window: str = "30d", **used: Any) -> ViewDocument:
    """A view of orders that looks up how many its customer has, in a view `customers` that counts over a window."""
    counts = counting(window, **used)
    store = FeatureStore({"orders": ORDERS})
    store.views["customers"] = counts.view

    def order_features(orders):
        return {"n": counts.view["n"].at(customer_id=orders["customer_id"].latest())}

    view = store.create_feature_view("order_features", [Entity("order", ["order_id"])])(order_features)
    return ViewDocument(view, source="orders", uses={"customers": counts})
