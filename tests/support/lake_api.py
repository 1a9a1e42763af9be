"""The API beside a lake with the small shop's lines in it, as `mlinfra api` composes it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx

from mlinfra_assets.clock import FixedClock, HomeClock
from mlinfra_assets.commands.lake_side import open_lake_side
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.home import open_home
from mlinfra_assets.redis_server import connect, embedded
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.intake import make_intake
from tests.support.snapshot_shop import SnapshotShop, snapshot_shop

NOW = datetime(2011, 3, 10, 12, tzinfo=UTC)
VIEW = "customer_features"


class LakeApi:
    """An API with a lake, and what a test does with it.

    Attributes:
        settings: Its settings.
        shop: What is in the lake.
        kept: Says when a training set expires.
    """

    def __init__(self, settings: Settings) -> None:
        home = open_home(settings.home).folder
        HomeClock(home).set(NOW)
        self.settings = settings
        self.shop: SnapshotShop = snapshot_shop(home)
        self.kept = FixedClock(datetime(2026, 1, 1, tzinfo=UTC))

    @contextmanager
    def running(self, **changed: Any) -> Iterator[httpx.Client]:
        """The API, with settings changed; what is waiting when it ends waits for the next."""
        settings = replace(self.settings, **changed)
        client, clock = connect(settings), HomeClock(settings.home)
        log, side = RedisLog(client), open_lake_side(settings, clock, self.kept)
        intake = make_intake(client, log, clock, settings)
        app = create_app(OnlineStore(client), log, clock, settings, intake=intake, lake=side)
        try:
            with (
                ApiServer(app, "127.0.0.1", 0) as server,
                httpx.Client(base_url=server.url, trust_env=False, timeout=120) as caller,
            ):
                yield caller
        finally:
            side.training_sets.close()

    def store(self) -> OnlineStore:
        """What the API serves."""
        return OnlineStore(connect(self.settings))

    def close(self) -> None:
        """Let go of Redis."""
        embedded(self.settings).release()
