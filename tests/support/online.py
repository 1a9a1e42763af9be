"""The online store in tests: a Redis of their own, pushes of watermarked rows, and what the engine says of them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import numpy as np
import polars as pl
import pytest
import redis

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.engine.evaluate import evaluate_at
from mlinfra_assets.feature_store.engine.models import ScoreModels
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.online.push import Progress
from mlinfra_assets.feature_store.online.store import OnlineStore, PushReport
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.positions import Positions
from mlinfra_assets.redis_server import connect
from mlinfra_assets.settings import Settings

SOURCE = "source"


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> redis.Redis:
    """An embedded server for the whole session."""
    return connect(Settings(home=tmp_path_factory.mktemp("redis")))


@pytest.fixture
def client(redis_server: redis.Redis) -> Iterator[redis.Redis]:
    """A client of an empty server."""
    redis_server.flushall()
    yield redis_server
    redis_server.flushall()


@pytest.fixture
def store(client: redis.Redis) -> OnlineStore:
    """An empty online store."""
    return OnlineStore(client)


def covered(rows: pl.DataFrame, watermark: Positions) -> pl.DataFrame:
    """The rows that a watermark covers."""
    keep = [watermark.covers(p, o, r) for p, o, r in rows.select("_partition", "_offset", "_release").iter_rows()]
    return rows.filter(pl.Series(keep, dtype=pl.Boolean))


def epoch_of(rows: pl.DataFrame) -> int:
    """Known-at time of the newest row; 0 without any."""
    newest: Any = rows["_known_at"].max()
    return 0 if newest is None else to_micros(newest)


def push(
    store: OnlineStore, view: FeatureView, rows: pl.DataFrame, watermark: Positions, progress: Progress | None = None
) -> PushReport:
    """Push the rows that a watermark covers."""
    document = ViewDocument(view, {"rows": "1"}, source=SOURCE)
    rows = covered(rows, watermark)
    prepared = prepare(view, rows)
    return store.push(document, document.version, prepared, {SOURCE: watermark}, epoch_of(rows), progress)


def offline(
    view: FeatureView,
    rows: pl.DataFrame,
    watermark: Positions,
    key: tuple,
    t: int,
    models: ScoreModels | None = None,
) -> tuple[dict[str, object], int]:
    """What the engine says of an entity at t, as known then, of the rows that a watermark covers; and the status."""
    prepared = prepare(view, covered(rows, watermark))
    entity = pl.DataFrame([key], schema=dtypes(view.key_schema), orient="row")
    found = evaluate_at(view, prepared, prepared.index_of(entity), np.array([t]), None, models)
    return found.features.row(0, named=True), int(found.status[0])


def bits(value: object) -> tuple[str, object]:
    """A value such that equal means the same bits."""
    if isinstance(value, float):
        return "double", struct.pack(">d", value)
    if isinstance(value, datetime):
        return "time", to_micros(value)
    return type(value).__name__, value
