"""Feast's `get_historical_features`, with its DuckDB or its Dask offline store."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd  # pyright: ignore[reportMissingImports]
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig  # pyright: ignore[reportMissingImports]
from feast.data_format import ParquetFormat  # pyright: ignore[reportMissingImports]
from feast.types import Float64, Int64  # pyright: ignore[reportMissingImports]
from feast.value_type import ValueType  # pyright: ignore[reportMissingImports]

from bench.harness.layout import KEY, LABEL_ID
from bench.point_in_time.layout import DATASETS, FEATURES, TTL_DAYS, features
from mlinfra_assets.names import EVENT_TIME


def ready(data: Path, variant: str) -> Callable[[], pd.DataFrame]:
    """Apply the feature views to a registry of their own; the work reads labels and rows and answers.

    Args:
        data: Folder of the data.
        variant: The offline store, `"duckdb"` or `"dask"`.
    """
    folder = Path(tempfile.mkdtemp(prefix="mlinfra-bench-feast-"))
    store = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=str(folder / "registry.db"),
            offline_store={"type": variant},
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            entity_key_serialization_version=3,
        )
    )
    customer = Entity(name="customer", join_keys=[KEY], value_type=ValueType.INT64)
    views = [_view(data, dataset, customer, variant) for dataset in DATASETS]
    store.apply([customer, *views])
    wanted = [f"{view.name}:{feature}" for view, d in zip(views, DATASETS, strict=True) for feature in features(d)]

    def work() -> pd.DataFrame:
        labels = pd.read_parquet(data / "labels.parquet")
        return store.get_historical_features(entity_df=labels, features=wanted).to_df()

    return work


def save(answer: pd.DataFrame, path: Path) -> None:
    """Write the answer; pandas holds integers with gaps as floats."""
    whole = {feature: "Int64" for feature in FEATURES if feature.endswith("_amount")}
    answer[[LABEL_ID, *FEATURES]].astype(whole).to_parquet(path)


def _view(data: Path, dataset: str, customer: Entity, variant: str) -> FeatureView:
    kinds = dict.fromkeys(features(dataset), Float64) | {f"{dataset}_amount": Int64}
    path = data / dataset
    source = FileSource(
        name=f"{dataset}_source",
        path=str(path / "*.parquet" if variant == "duckdb" else path),
        timestamp_field=EVENT_TIME,
        file_format=ParquetFormat(),
    )
    return FeatureView(
        name=f"{dataset}_view",
        entities=[customer],
        ttl=timedelta(days=TTL_DAYS),
        schema=[Field(name=KEY, dtype=Int64), *[Field(name=name, dtype=kind) for name, kind in kinds.items()]],
        source=source,
    )
