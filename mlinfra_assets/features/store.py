"""The one feature store that all of the shop's views are declared in, over the platform's datasets."""

from __future__ import annotations

from mlinfra_assets.datasets import datasets
from mlinfra_assets.feature_store import FeatureStore

fs = FeatureStore(datasets())
