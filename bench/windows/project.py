"""The project's `get_historical_features` with windowed aggregates."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from bench.harness.layout import KEY, LABEL_ID
from bench.harness.reader import ParquetReader, schema
from bench.windows.data import DATASET
from bench.windows.layout import DAYS, DISTINCT, LARGEST, TOTALS, VALUE, features
from mlinfra_assets.feature_store import Entity, FeatureStore
from mlinfra_assets.feature_store.historical import get_historical_features


def store(asked: str) -> FeatureStore:
    """The view that answers."""
    declared = FeatureStore({DATASET: schema(DATASET)})

    @declared.create_feature_view(name="windows", entities=[Entity("customer", join_keys=[KEY])])
    def windows(orders):  # noqa: ANN001, ANN202 - a symbolic dataset in, expressions by name out
        found = {}
        for days in DAYS:
            found |= _aggregates(asked, orders, f"{days}d")
        return found

    return declared


def ready(data: Path, variant: str) -> Callable[[], pl.DataFrame]:
    """Declare the view; the work reads moments and events and answers."""
    views = store(variant).views
    read = ParquetReader({DATASET: data / DATASET})

    def work() -> pl.DataFrame:
        labels = pl.read_parquet(data / "labels.parquet")
        answer = get_historical_features(labels, ["windows"], views=views, read=read)
        return answer.select(LABEL_ID, *features(variant))

    return work


def save(answer: pl.DataFrame, path: Path) -> None:
    """Write the answer."""
    answer.write_parquet(path)


def _aggregates(asked: str, rows, window: str):  # noqa: ANN001, ANN202
    value = rows[VALUE[asked]]
    return {
        TOTALS: {
            f"count_{window}": rows.count(window),
            f"sum_{window}": value.sum(window),
            f"mean_{window}": value.mean(window),
        },
        DISTINCT: {f"distinct_{window}": value.count_distinct(window)},
        LARGEST: {f"max_{window}": value.max(window)},
    }[asked]
