"""How a product sells."""

from __future__ import annotations

from mlinfra_assets.features.entities import product
from mlinfra_assets.features.store import fs

SECONDS_A_DAY = 86_400


@fs.create_feature_view(name="product_features", entities=[product], ttl="90d", online=True, owner="team:catalogue")
def product_features(stg_order_lines):  # noqa: ANN001, ANN201 - a symbolic dataset in, expressions by name out
    """A product's demand, price and returns, for a quarter after its last line. Amounts are in GBP.

    Buyers are customers with an account; lines without one count as units and revenue.
    """
    lines = stg_order_lines
    sale, returned = lines["is_sale"], lines["is_return"]
    units_90d = lines["quantity"].sum("90d", where=sale)
    return {
        "units_sold_30d": lines["quantity"].sum("30d", where=sale).fill_null(0),
        "revenue_30d": lines["line_amount"].sum("30d", where=sale).fill_null(0.0),
        "buyers_90d": lines["customer_id"].count_distinct("90d", where=sale),
        "average_price_90d": lines["line_amount"].sum("90d", where=sale) / units_90d,
        "last_unit_price": lines["unit_price"].last(where=sale),
        "days_since_sale": lines.since_last(where=sale) / SECONDS_A_DAY,
        "returned_units_share_90d": -lines["quantity"].sum("90d", where=returned).fill_null(0) / units_90d,
    }
