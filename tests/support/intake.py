"""An API that takes records for the declared sources."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import redis

from mlinfra_assets.clock import Clock
from mlinfra_assets.contracts.declaration import load_sources
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.intake import Intake
from mlinfra_assets.serving.kept_answers import KeptAnswers
from mlinfra_assets.serving.server import ApiServer
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.log import StreamLog
from tests.support.declared import SOURCES
from tests.support.stream_behaviour import read

TOPIC = "order_lines"


def make_intake(client: redis.Redis, log: StreamLog, clock: Clock, settings: Settings) -> Intake:
    answers = KeptAnswers(client, settings.api_idempotency_hours)
    return Intake(load_sources(SOURCES), lambda _: log, clock, answers, settings.max_payload_bytes)


@contextmanager
def taking(client: redis.Redis, log: StreamLog, clock: Clock, settings: Settings) -> Iterator[httpx.Client]:
    """A client of a running API."""
    intake = make_intake(client, log, clock, settings)
    app = create_app(OnlineStore(client), log, clock, settings, intake=intake)
    with (
        ApiServer(app, "127.0.0.1", 0) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=180) as caller,
    ):
        yield caller


def positions(answer: httpx.Response) -> list[tuple[int, int]]:
    """Where the records of a request stand."""
    assert answer.status_code == 202, answer.text
    return [(one["partition"], one["offset"]) for one in answer.json()["records"]]


def held(log: StreamLog, topic: str = TOPIC) -> list[tuple[tuple[int, int], bytes]]:
    """Position and payload of everything in a topic."""
    rows = read(log, topic).select("partition", "offset", "payload").iter_rows()
    return [((partition, offset), payload) for partition, offset, payload in rows]
