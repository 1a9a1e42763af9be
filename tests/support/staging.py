"""The staging of the audited shop: row-wise SQL as a view's document freezes it."""

from __future__ import annotations

import polars as pl

from mlinfra_assets.curated.row_wise import run

STAGING_SQL = """
select
    invoice_no, stock_code, quantity, unit_price,
    cast(quantity * unit_price as decimal(18, 3)) as line_amount,
    customer_id, country, invoiced_at,
    not starts_with(invoice_no, 'C') and quantity > 0 as is_sale,
    starts_with(invoice_no, 'C') as is_return,
    starts_with(invoice_no, 'C') as is_cancellation,
    false as is_bad_debt,
    true as is_product,
    _event_time, _known_at, _known_at_assumed, _partition, _offset, _row, _release, _contract_version
from batch as lines
"""


def staged(processed: pl.DataFrame) -> pl.DataFrame:
    """The staged lines of processed ones."""
    return run(STAGING_SQL, processed)
