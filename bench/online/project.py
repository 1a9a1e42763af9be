"""The project's server: pushes the views to a Redis, then answers."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl

from bench.online.data import NOW, views
from mlinfra_assets.clock import FixedClock, to_micros
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.positions import Positions
from mlinfra_assets.redis_server import connect
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.redis_log import RedisLog


def main(folder: Path, home: Path, redis_url: str) -> None:
    """Push, say the port, and serve until told to stop.

    Args:
        folder: The data.
        home: Where the server keeps its files.
        redis_url: The Redis of both servers.
    """
    settings = Settings(home=home, redis_url=redis_url)
    client = connect(settings)
    store = OnlineStore(client)
    for name, view in views().items():
        rows = pl.read_parquet(folder / f"{name}.parquet")
        document = ViewDocument(view, {"data": "1"}, source=name)
        watermark = {name: Positions({0: rows.height - 1})}
        store.push(document, document.version, prepare(view, rows), watermark, to_micros(NOW) - 1)
    server = ApiServer(create_app(store, RedisLog(client), FixedClock(NOW), settings), "127.0.0.1", 0)
    print(server.url.rpartition(":")[2], flush=True)
    server.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
