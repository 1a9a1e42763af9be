"""What a customer does with one product: the view with a composite key."""

from __future__ import annotations

from mlinfra_assets.features.entities import customer, product
from mlinfra_assets.features.store import fs

SECONDS_A_DAY = 86_400


@fs.create_feature_view(
    name="customer_product_features", entities=[customer, product], ttl="30d", online=True, owner="team:catalogue"
)
def customer_product_features(stg_order_lines):  # noqa: ANN001, ANN201 - a symbolic dataset in, expressions by name out
    """A customer's recent purchases of a product, for 30 days after the last line. Amounts are in GBP."""
    lines = stg_order_lines
    sale = lines["is_sale"]
    return {
        "purchases_30d": lines["invoice_no"].count_distinct("30d", where=sale),
        "units_30d": lines["quantity"].sum("30d", where=sale).fill_null(0),
        "spend_30d": lines["line_amount"].sum("30d", where=sale).fill_null(0.0),
        "purchases": lines["invoice_no"].count_distinct(where=sale),
        "days_since_purchase": lines.since_last(where=sale) / SECONDS_A_DAY,
    }
