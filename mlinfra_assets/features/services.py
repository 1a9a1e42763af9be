"""Lists of features that are used together, under one name."""

from __future__ import annotations

from mlinfra_assets.features.customer import customer_features
from mlinfra_assets.features.store import fs

churn_inputs = fs.create_feature_service(
    "churn_inputs",
    [
        f"{customer_features.name}:{feature}"
        for feature in (
            "purchase_frequency_30d",
            "purchase_frequency_90d",
            "orders",
            "average_order_value",
            "monetary_30d",
            "monetary_90d",
            "recency_days",
            "product_variety_90d",
            "average_line_quantity",
            "return_rate",
            "returned_share",
        )
    ],
    owner="team:retention",
    description="What the churn model takes, in its order: everything about a customer but the model's own score.",
)
