"""Feast's own Python server, one worker, on a Redis that it fills first; runs with the peers' libraries."""

from __future__ import annotations

import socket
import sys
import tempfile
from pathlib import Path

import pandas as pd  # pyright: ignore[reportMissingImports]
import uvicorn
from feast import (  # pyright: ignore[reportMissingImports]
    Entity,
    FeatureStore,
    FeatureView,
    Field,
    FileSource,
    RepoConfig,
)
from feast.feature_server import get_app  # pyright: ignore[reportMissingImports]
from feast.types import Float64, Int64  # pyright: ignore[reportMissingImports]
from feast.value_type import ValueType  # pyright: ignore[reportMissingImports]

from bench.online.layout import FEATURES, KEY, VIEWS

EVENT_TIME = "_event_time"


def main(folder: Path, redis: str) -> None:
    """Fill the store, say the port, and serve until told to stop.

    Args:
        folder: The data.
        redis: The Redis of both servers, `host:port`.
    """
    home = Path(tempfile.mkdtemp(prefix="mlinfra-bench-feast-"))
    store = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=str(home / "registry.db"),
            offline_store={"type": "duckdb"},
            online_store={"type": "redis", "connection_string": redis},
            entity_key_serialization_version=3,
        )
    )
    frames = {name: pd.read_parquet(folder / f"feast-{name}.parquet") for name in VIEWS}
    customer = Entity(name="customer", join_keys=[KEY], value_type=ValueType.INT64)
    store.apply([customer, *[feast_view(name, folder, frame, customer) for name, frame in frames.items()]])
    for name, frame in frames.items():
        store.write_to_online_store(name, frame)
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    uvicorn.Server(uvicorn.Config(get_app(store), log_level="warning", access_log=False)).run(sockets=[listening])


def feast_view(name: str, folder: Path, frame: pd.DataFrame, customer: Entity) -> FeatureView:
    """A view of a file of values.

    Args:
        name: Its name.
        folder: Where the file is.
        frame: What is in it.
        customer: Whom it is about.
    """
    kinds = {column: Int64 if str(frame[column].dtype) == "int64" else Float64 for column in FEATURES}
    return FeatureView(
        name=name,
        entities=[customer],
        ttl=None,
        schema=[Field(name=KEY, dtype=Int64), *[Field(name=column, dtype=kind) for column, kind in kinds.items()]],
        source=FileSource(
            name=f"{name}_source", path=str(folder / f"feast-{name}.parquet"), timestamp_field=EVENT_TIME
        ),
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
