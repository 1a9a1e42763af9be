"""The small shop as it is served: its views, its lines, and the moment at which it is asked."""

from __future__ import annotations

from dataclasses import replace

from mlinfra_assets.clock import from_micros
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.positions import Positions
from tests.support.online import epoch_of
from tests.support.shop_lines import shop_lines
from tests.support.shop_models import shop_model, shop_view

VIEW = shop_view()
LINES = shop_lines(customers=30, days=60)
WHOLE = Positions({0: 10**9}, releases=2)
INPUTS = tuple(shop_model().features)
NOW = from_micros(epoch_of(LINES) + 86_400_000_000 + 7)
OTHER = replace(
    VIEW, name="other_features", ttl=None, features=tuple(f for f in VIEW.features if f.name in {"orders", "returned"})
)
HABITS = [reference.partition(":")[2] for reference in INPUTS]
KEYS = [int(key) for key in LINES["customer_id"].drop_nulls().unique().sort()]


def with_features(view: FeatureView, names: list[str]) -> FeatureView:
    """The view with these features alone."""
    return replace(view, features=tuple(view.feature(name) for name in names))
