"""The project's `get_historical_features` of the newest values of one view."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from bench.growth.data import DATASET, TTL_DAYS
from bench.harness.layout import KEY, LABEL_ID
from bench.harness.reader import ParquetReader, schema
from mlinfra_assets.feature_store import Entity, FeatureStore
from mlinfra_assets.feature_store.historical import get_historical_features

FEATURES = ("amount", "price", "score")


def ready(data: Path, variant: str) -> Callable[[], pl.DataFrame]:
    """Declare the view; the work reads labels and events and answers."""
    del variant
    declared = FeatureStore({DATASET: schema(DATASET)})

    @declared.create_feature_view(name="newest", entities=[Entity("customer", join_keys=[KEY])], ttl=f"{TTL_DAYS}d")
    def newest(visits):  # noqa: ANN001, ANN202 - a symbolic dataset in, expressions by name out
        return {name: visits[name].latest() for name in FEATURES}

    read = ParquetReader({DATASET: data / DATASET})

    def work() -> pl.DataFrame:
        asked = pl.read_parquet(data / "labels.parquet")
        return get_historical_features(asked, ["newest"], views=declared.views, read=read)

    return work


def save(answer: pl.DataFrame, path: Path) -> None:
    """Write the answer."""
    answer.select(LABEL_ID, *FEATURES).write_parquet(path)
