"""Feast over a benchmark's files; needs the peers' libraries."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from feast import Entity, FeatureStore, FeatureView, Field, FileSource, RepoConfig  # pyright: ignore[reportMissingImports]
from feast.data_format import ParquetFormat  # pyright: ignore[reportMissingImports]
from feast.types import Float64, Int64  # pyright: ignore[reportMissingImports]
from feast.value_type import ValueType  # pyright: ignore[reportMissingImports]

from bench.harness.layout import KEY
from mlinfra_assets.names import EVENT_TIME

INTEGER, DOUBLE = Int64, Float64


def open_store(offline: str, views: Sequence[FeatureView]) -> FeatureStore:
    """A store with a registry of its own in a temporary folder, in which some views stand.

    Args:
        offline: The offline store, `"duckdb"` or `"dask"`.
        views: The views.
    """
    folder = Path(tempfile.mkdtemp(prefix="mlinfra-bench-feast-"))
    store = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=str(folder / "registry.db"),
            offline_store={"type": offline},
            online_store={"type": "sqlite", "path": str(folder / "online.db")},
            entity_key_serialization_version=3,
        )
    )
    store.apply([_customer(), *views])
    return store


def view(name: str, path: Path, kinds: Mapping[str, Any], ttl: timedelta | None) -> FeatureView:
    """A view of the benchmark's entity over Parquet files.

    Args:
        name: Its name.
        path: The files: a folder, or a pattern.
        kinds: Feast's type of each feature, which is a column too.
        ttl: How old a row may be. None: any age.
    """
    return FeatureView(
        name=name,
        entities=[_customer()],
        ttl=ttl,
        schema=[Field(name=KEY, dtype=Int64), *[Field(name=name, dtype=kind) for name, kind in kinds.items()]],
        source=FileSource(
            name=f"{name}_source", path=str(path), timestamp_field=EVENT_TIME, file_format=ParquetFormat()
        ),
    )


def _customer() -> Entity:
    return Entity(name="customer", join_keys=[KEY], value_type=ValueType.INT64)
