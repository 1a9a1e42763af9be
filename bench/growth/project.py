"""The project's `get_historical_features` of the newest values of one view, from file to file."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import polars as pl

from bench.growth.data import DATASET, TTL_DAYS
from bench.harness.layout import KEY, LABEL_ID
from bench.harness.reader import ParquetReader, schema
from mlinfra_assets.feature_store import Entity, FeatureStore
from mlinfra_assets.feature_store.historical import get_historical_features

FEATURES = ("amount", "price", "score")


def ready(data: Path, variant: str) -> Callable[[], Path]:
    """Declare the view; the work reads labels and events and writes the answer, in the memory that it may take."""
    del variant
    declared = FeatureStore({DATASET: schema(DATASET)})

    @declared.create_feature_view(name="newest", entities=[Entity("customer", join_keys=[KEY])], ttl=f"{TTL_DAYS}d")
    def newest(visits):  # noqa: ANN001, ANN202 - a symbolic dataset in, expressions by name out
        return {name: visits[name].latest() for name in FEATURES}

    read = ParquetReader({DATASET: data / DATASET})
    folder = tempfile.TemporaryDirectory(prefix="mlinfra-bench-")

    def work() -> Path:
        into = Path(folder.name, "answer.parquet")
        return get_historical_features(data / "labels.parquet", ["newest"], views=declared.views, read=read, into=into)

    return work


def save(answer: Path, path: Path) -> None:
    """Keep what is compared of the answer."""
    pl.read_parquet(answer, columns=[LABEL_ID, *FEATURES]).write_parquet(path)
