"""Who and what the shop's features are about."""

from __future__ import annotations

from mlinfra_assets.feature_store import Entity

customer = Entity("customer", join_keys=["customer_id"], description="Somebody with a customer account.")
product = Entity("product", join_keys=["stock_code"], description="What a line sells: an article of the catalogue.")
