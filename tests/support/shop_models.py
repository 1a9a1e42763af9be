"""The shop's views and its churn model, over the small shop's dataset."""

from __future__ import annotations

from mlinfra_assets.feature_store import Entity, FeatureStore, FeatureView, Model
from mlinfra_assets.learning.model import Label, ModelSpec, Promotion, Spine
from mlinfra_assets.learning.trainer import GradientBoosting
from tests.support.shop_lines import LINES

customer = Entity("customer", join_keys=["customer_id"])


def shop_view(average_default: float = 0.0, window: str = "30d", ttl: str = "180d") -> FeatureView:
    """A customer's habits; the arguments are there to plant a difference."""

    def customer_features(stg_order_lines):
        lines = stg_order_lines
        sale = lines["is_sale"]
        orders = lines["invoice_no"].count_distinct(where=sale)
        habits = {
            "purchase_frequency_30d": lines["invoice_no"].count_distinct(window, where=sale),
            "orders": orders,
            "average_order_value": (lines["line_amount"].sum(where=sale) / orders).fill_null(average_default),
            "recency_days": lines.since_last(where=sale) / 86_400,
            "returned": lines["line_amount"].sum("90d", where=lines["is_return"]),
        }
        return {**habits, "churn_risk_score": Model("churn").score(habits)}

    store = FeatureStore({LINES.name: LINES})
    declare = store.create_feature_view("customer_features", [customer], ttl=ttl, online=True)
    return declare(customer_features)


def shop_model(horizon: str = "60d", **changes: object) -> ModelSpec:
    """The churn model; keyword arguments replace parts of its declaration."""
    labels = FeatureStore({LINES.name: LINES})

    def churn_label(stg_order_lines):
        return {"churned": stg_order_lines.count(horizon, where=stg_order_lines["is_sale"]) == 0}

    parts: dict[str, object] = {
        "name": "churn",
        "entity": customer,
        "features": [
            "customer_features:purchase_frequency_30d",
            "customer_features:orders",
            "customer_features:average_order_value",
            "customer_features:recency_days",
            "customer_features:returned",
        ],
        "label": Label(labels.create_feature_view("churn_label", [customer])(churn_label), "churned", horizon),
        "spine": Spine("customer_features", every="14d", warmup="30d"),
        "trainer": GradientBoosting(iterations=20, min_leaf=10),
        "promotion": Promotion(min_rows=20),
    }
    return ModelSpec(**{**parts, **changes})  # pyright: ignore[reportArgumentType]
