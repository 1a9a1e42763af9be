"""A Redis with a small shop's features and model in it, and the API over it."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import numpy as np
import pytest
from fastapi import FastAPI

from mlinfra_assets import names
from mlinfra_assets.clock import FixedClock
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.learning.onnx_model import to_onnx
from mlinfra_assets.learning.trainer import GradientBoosting
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.online import client, epoch_of, push, redis_server, store
from tests.support.served_shop import INPUTS, LINES, NOW, OTHER, VIEW, WHOLE

__all__ = ["client", "redis_server", "store"]


@pytest.fixture(scope="session")
def onnx() -> bytes:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(200, len(INPUTS))).astype(np.float32)
    labels = (features[:, 0] > 0).astype(np.int64)
    return to_onnx(GradientBoosting(iterations=5, min_leaf=5).fit(features, labels), "churn", INPUTS)


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(NOW)


@pytest.fixture
def log(client) -> RedisLog:
    return RedisLog(client)


@pytest.fixture
def loaded(store: OnlineStore, onnx: bytes) -> OnlineStore:
    push(store, VIEW, LINES, WHOLE)
    push(store, OTHER, LINES, WHOLE)
    store.push_model("churn", "v1", onnx, INPUTS, epoch_of(LINES))
    return store


@pytest.fixture
def app(store, log, clock, settings) -> FastAPI:
    return create_app(store, log, clock, settings)


@pytest.fixture
def api(app) -> Iterator[httpx.Client]:
    with (
        ApiServer(app, "127.0.0.1", 0) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=180) as caller,
    ):
        yield caller


@pytest.fixture
def logged(app, log) -> Callable[[], list[bytes]]:
    """The predictions that are in the stream, once all that were answered are."""

    def read() -> list[bytes]:
        assert app.state.predictions.settle(20)
        end = log.end(names.PREDICTIONS)
        return [value for frame in log.read(names.PREDICTIONS, {}, end, 1_000, 1 << 30) for value in frame["payload"]]

    return read
