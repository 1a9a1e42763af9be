"""How a customer buys: how often, how much, how varied, how recently, and how likely not again."""

from __future__ import annotations

from mlinfra_assets.feature_store import Model
from mlinfra_assets.features.entities import customer
from mlinfra_assets.features.store import fs

SECONDS_A_DAY = 86_400


@fs.create_feature_view(name="customer_features", entities=[customer], ttl="180d", online=True, owner="team:retention")
def customer_features(stg_order_lines):  # noqa: ANN001, ANN201 - a symbolic dataset in, expressions by name out
    """A customer's orders, spending, variety, returns and recency, for half a year after the last line.

    An order is an invoice with a sale. Amounts are in GBP.
    """
    lines = stg_order_lines
    sale, returned = lines["is_sale"], lines["is_return"]
    orders = lines["invoice_no"].count_distinct(where=sale)
    spent = lines["line_amount"].sum(where=sale)
    habits = {
        "purchase_frequency_30d": lines["invoice_no"].count_distinct("30d", where=sale),
        "purchase_frequency_90d": lines["invoice_no"].count_distinct("90d", where=sale),
        "orders": orders,
        "average_order_value": spent / orders,
        "monetary_30d": lines["line_amount"].sum("30d", where=sale).fill_null(0.0),
        "monetary_90d": lines["line_amount"].sum("90d", where=sale).fill_null(0.0),
        "recency_days": lines.since_last(where=sale) / SECONDS_A_DAY,
        "product_variety_90d": lines["stock_code"].count_distinct("90d", where=sale & lines["is_product"]),
        "average_line_quantity": lines["quantity"].mean(where=sale),
        "return_rate": lines["invoice_no"].count_distinct(where=returned) / orders,
        "returned_share": -lines["line_amount"].sum(where=returned).fill_null(0.0) / spent,
    }
    return {**habits, "churn_risk_score": Model("churn").score(habits)}
