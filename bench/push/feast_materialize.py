"""Feast: `materialize` from Parquet to its Redis store. Prints JSON; runs with the peers' libraries."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd  # pyright: ignore[reportMissingImports]
import redis
from feast import Entity, FeatureStore, RepoConfig  # pyright: ignore[reportMissingImports]
from feast.value_type import ValueType  # pyright: ignore[reportMissingImports]

from bench.online.feast_server import feast_view
from bench.online.layout import KEY


def main(folder: Path, name: str, port: int) -> None:
    """Materialize a view, and say what that cost.

    Args:
        folder: The data.
        name: Which view.
        port: Of the Redis.
    """
    home = Path(tempfile.mkdtemp(prefix="mlinfra-bench-feast-"))
    store = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=str(home / "registry.db"),
            offline_store={"type": "duckdb"},
            online_store={"type": "redis", "connection_string": f"127.0.0.1:{port}"},
            entity_key_serialization_version=3,
        )
    )
    frame = pd.read_parquet(folder / f"feast-{name}.parquet")
    customer = Entity(name="customer", join_keys=[KEY], value_type=ValueType.INT64)
    store.apply([customer, feast_view(name, folder, frame, customer)])
    client = redis.Redis(port=port)
    before = client.info("memory")["used_memory"]
    began, cpu = time.perf_counter(), _cpu()
    store.materialize(datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC), feature_views=[name])
    said = {"rows": len(frame), "wall_s": time.perf_counter() - began, "cpu_s": _cpu() - cpu}
    said["redis_bytes"] = client.info("memory")["used_memory"] - before
    print("\n" + json.dumps(said))


def _cpu() -> float:
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
