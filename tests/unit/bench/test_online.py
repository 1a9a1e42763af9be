"""The benchmark of reads on a few entities: the API answers the values that Feast is given, also under its load."""

from __future__ import annotations

import asyncio
import json

import httpx
import polars as pl
import pytest

from bench.online.data import NOW, make, views
from bench.online.layout import FEATURES, KEY, VIEWS
from bench.online.load import run
from mlinfra_assets.clock import FixedClock, to_micros
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.positions import Positions
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.online import client, redis_server, store

__all__ = ["client", "redis_server", "store"]
ENTITIES = 12


@pytest.mark.parametrize("name", VIEWS)
def test_the_api_answers_what_the_peer_is_given(store, client, tmp_path, name):
    folder = make(tmp_path, ENTITIES)
    rows = pl.read_parquet(folder / f"{name}.parquet")
    document = ViewDocument(views()[name], {"data": "1"}, source=name)
    prepared = prepare(views()[name], rows)
    store.push(document, document.version, prepared, {name: Positions({0: rows.height - 1})}, to_micros(NOW) - 1)
    given = pl.read_parquet(folder / f"feast-{name}.parquet")
    keys = given[KEY].to_list()
    body = {"features": [f"{name}:{f}" for f in FEATURES], "entities": [{KEY: key} for key in keys]}
    app = create_app(store, RedisLog(client), FixedClock(NOW), Settings(home=tmp_path / "home"))
    with ApiServer(app, "127.0.0.1", 0) as server:
        results = httpx.post(f"{server.url}/v1/features", json=body, timeout=60, trust_env=False).json()["results"]
        said = asyncio.run(run(int(server.url.rpartition(":")[2]), 0.05, [_request(json.dumps(body))]))
    assert [[one["features"][f"{name}:{f}"] for f in FEATURES] for one in results] == [
        list(row) for row in given.select(FEATURES).rows()
    ]
    assert said["answers"]
    assert not said["wrong"]


def _request(body: str) -> bytes:
    head = "POST /v1/features HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()
