"""The project: rows of a Delta table, prepared, and pushed with the newer-wins guard. Prints JSON."""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
import redis

from bench.online.data import NOW, views
from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.engine.related import prepare_view
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.positions import Positions
from mlinfra_assets.publishing.lake_reader import LakeReader


def main(folder: Path, small: Path, view_name: str, port: int) -> None:
    """Push the small data, so that loops are loaded, then the real data, and say what that cost.

    Args:
        folder: The data.
        small: The same, very small.
        view_name: Which view.
        port: Of the Redis.
    """
    client = redis.Redis(port=port)
    _push(small, view_name, client)
    client.flushall()
    before = client.info("memory")["used_memory"]
    said = _push(folder, view_name, client)
    said["redis_bytes"] = client.info("memory")["used_memory"] - before
    print(json.dumps(said))


def _push(folder: Path, name: str, client: redis.Redis) -> dict[str, float]:
    view = views()[name]
    rows = pl.read_parquet(folder / f"{name}.parquet")
    with tempfile.TemporaryDirectory(prefix="mlinfra-bench-push-") as root:
        lake = Lake(root)
        watermark = {name: Positions({0: rows.height - 1})}
        lake.table(view.dataset.table).append(rows, provenance=Provenance("bench", "code"))
        began, cpu = time.perf_counter(), _cpu()
        reader = LakeReader(lake, {view.dataset.name: view.dataset})
        prepared = prepare_view(view, reader)
        ready = time.perf_counter()
        document = ViewDocument(view, {"data": "1"}, source=name)
        report = OnlineStore(client).push(document, document.version, prepared, watermark, to_micros(NOW) - 1)
        ended = time.perf_counter()
        return {
            "rows": report.rows,
            "bytes": report.bytes,
            "wall_s": ended - began,
            "reading_s": ready - began,
            "pushing_s": ended - ready,
            "cpu_s": _cpu() - cpu,
        }


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
