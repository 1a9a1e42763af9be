"""The project's `get_historical_features` with the latest row of each view."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from bench.harness.layout import KEY, LABEL_ID
from bench.harness.reader import ParquetReader, schema
from bench.point_in_time.layout import DATASETS, FEATURES, TTL_DAYS, features
from mlinfra_assets.feature_store import Entity, FeatureStore
from mlinfra_assets.feature_store.historical import get_historical_features


def store() -> FeatureStore:
    """The three views, one a dataset."""
    declared = FeatureStore({dataset: schema(dataset, f"{dataset}_") for dataset in DATASETS})
    customer = Entity("customer", join_keys=[KEY])

    @declared.create_feature_view(name="visits_view", entities=[customer], ttl=f"{TTL_DAYS}d")
    def visits_view(visits):  # noqa: ANN001, ANN202 - a symbolic dataset in, expressions by name out
        return _latest("visits", visits)

    @declared.create_feature_view(name="payments_view", entities=[customer], ttl=f"{TTL_DAYS}d")
    def payments_view(payments):  # noqa: ANN001, ANN202 - a symbolic dataset in, expressions by name out
        return _latest("payments", payments)

    @declared.create_feature_view(name="calls_view", entities=[customer], ttl=f"{TTL_DAYS}d")
    def calls_view(calls):  # noqa: ANN001, ANN202 - a symbolic dataset in, expressions by name out
        return _latest("calls", calls)

    return declared


def ready(data: Path, variant: str) -> Callable[[], pl.DataFrame]:
    """Declare the views; the work reads labels and rows and answers."""
    del variant
    views = store().views
    read = ParquetReader({dataset: data / dataset for dataset in DATASETS})

    def work() -> pl.DataFrame:
        labels = pl.read_parquet(data / "labels.parquet")
        return get_historical_features(labels, list(views), views=views, read=read)

    return work


def save(answer: pl.DataFrame, path: Path) -> None:
    """Write the answer."""
    answer.select(LABEL_ID, *FEATURES).write_parquet(path)


def _latest(dataset: str, rows):  # noqa: ANN001, ANN202
    return {feature: rows[feature].latest() for feature in features(dataset)}
