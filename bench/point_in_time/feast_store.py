"""Feast's `get_historical_features`, with its DuckDB or its Dask offline store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pandas as pd  # pyright: ignore[reportMissingImports]

from bench.harness.feast_repo import DOUBLE, INTEGER, open_store, view
from bench.harness.layout import LABEL_ID
from bench.point_in_time.layout import DATASETS, FEATURES, TTL_DAYS, features


def ready(data: Path, variant: str) -> Callable[[], pd.DataFrame]:
    """Apply the feature views to a registry; the work reads labels and rows and answers.

    Args:
        data: Folder of the data.
        variant: The offline store, `"duckdb"` or `"dask"`.
    """
    views = []
    for dataset in DATASETS:
        kinds = dict.fromkeys(features(dataset), DOUBLE) | {f"{dataset}_amount": INTEGER}
        path = data / dataset
        views.append(view(dataset, path / "*.parquet" if variant == "duckdb" else path, kinds, timedelta(TTL_DAYS)))
    store = open_store(variant, views)
    wanted = [f"{dataset}:{feature}" for dataset in DATASETS for feature in features(dataset)]

    def work() -> pd.DataFrame:
        labels = pd.read_parquet(data / "labels.parquet")
        return store.get_historical_features(entity_df=labels, features=wanted).to_df()

    return work


def save(answer: pd.DataFrame, path: Path) -> None:
    """Write the answer; pandas holds integers with gaps as floats."""
    whole = {feature: "Int64" for feature in FEATURES if feature.endswith("_amount")}
    answer[[LABEL_ID, *FEATURES]].astype(whole).to_parquet(path)
