"""Feast: its DuckDB store's point-in-time join of every entity with some of the days.

Feast computes no windows: it reads features that stand in a table.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd  # pyright: ignore[reportMissingImports]
import pyarrow as pa
import pyarrow.dataset as ds

from bench.backfill.digest import Digest
from bench.backfill.layout import DAY, FEAST_DAYS, NEWEST, PROFILES, features
from bench.harness.feast_repo import DOUBLE, open_store, view
from bench.harness.layout import KEY, LABEL_TIME


def ready(data: Path, variant: str) -> Callable[[], pd.DataFrame]:
    """Apply the feature view to a registry of its own; the work joins days and entities to its rows."""
    del variant
    kinds = dict.fromkeys(features(NEWEST), DOUBLE)
    store = open_store("duckdb", [view(PROFILES, data / PROFILES / "*.parquet", kinds, ttl=None)])

    def work() -> pd.DataFrame:
        table = ds.dataset(data / PROFILES).to_table(columns=[KEY])
        keys = np.unique(table.column(KEY).to_numpy())
        ends = pd.DatetimeIndex(FEAST_DAYS).tz_localize("UTC") + pd.Timedelta(days=1) - pd.Timedelta(microseconds=1)
        spine = pd.DataFrame({KEY: np.tile(keys, len(ends)), LABEL_TIME: np.repeat(ends.as_unit("us"), len(keys))})
        wanted = [f"{PROFILES}:{name}" for name in features(NEWEST)]
        found = store.get_historical_features(entity_df=spine, features=wanted).to_df()
        return found.dropna(subset=features(NEWEST), how="all")

    return work


def save(answer: pd.DataFrame, path: Path) -> None:
    """Write what is kept of it; it has no totals over all days."""
    digest = Digest(features(NEWEST))
    table = pa.Table.from_pandas(answer.assign(**{DAY: answer[LABEL_TIME].dt.date}), preserve_index=False)
    digest.add(table)
    digest.save(path, totals=False)
