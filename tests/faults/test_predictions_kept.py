"""Every prediction that was answered is in raw and, once, in processed: whatever dies meanwhile. Counted by id."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from mlinfra_assets import names
from mlinfra_assets.clock import SystemClock
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.ingest.processed import validate_source
from mlinfra_assets.ingest.streams import land_stream
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.redis_server import connect, embedded
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from mlinfra_assets.settings import PROJECT, Settings
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.opening import open_log
from tests.support.declared import declared
from tests.support.faults.worker import RUN
from tests.support.kafka_broker import OwnBroker
from tests.support.lacking import on_a_small_disk
from tests.support.served_api import ApiProcess, Callers, load

SOURCE = declared(names.PREDICTIONS)
CONNECTIONS = 8


@pytest.fixture
def served(settings: Settings) -> Iterator[Settings]:
    """A home whose Redis holds a view and a model."""
    load(OnlineStore(connect(settings)))
    yield settings
    embedded(settings).release()


def until(true: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def assert_kept(settings: Settings, log: StreamLog, answered: list[str]) -> Counter[str]:
    """Every id that was answered is in raw, and once in processed; returns how often each is in raw."""
    lake = Lake(settings.lake)
    land_stream(lake, log, SOURCE, RUN, SystemClock())
    validate_source(lake, SOURCE, RUN, SystemClock().now(), max_payload_bytes=settings.max_payload_bytes)
    raw = Counter(key.decode() for key in lake.table("raw/predictions").read()["key"])
    processed = Counter(lake.table("processed/predictions").read()["prediction_id"])
    assert len(set(answered)) == len(answered)
    assert set(answered) <= raw.keys()
    assert processed == Counter(raw.keys())
    return raw


@pytest.mark.parametrize("point", ["", "predictions.after_write:40", "predictions.after_stream:30"])
def test_an_api_killed_under_load_has_kept_every_prediction_that_it_answered(served, point, monkeypatch) -> None:
    api = ApiProcess(served)
    with Callers(api.url, CONNECTIONS) as callers:
        monkeypatch.setenv("MLINFRA_KILL_AT", point)
        api.start()
        callers.until(100)
        if point:
            assert api._process is not None
            assert api._process.wait(60) == -signal.SIGKILL
        else:
            callers.until(300)
            api.kill()
        monkeypatch.setenv("MLINFRA_KILL_AT", "")
        api.start()  # what the killed one left is taken up by this one
        callers.until(100)
    log = open_log(served)
    until(lambda: api.waiting() == 0)
    api.stop()
    assert_kept(served, log, callers.answered)


def test_a_redis_stream_killed_while_predictions_come_in_loses_none(served, tmp_path) -> None:
    away = Settings(home=tmp_path / "stream", lake=served.lake)
    stream = connect(away)
    log = open_log(away)
    app = create_app(OnlineStore(connect(served)), log, SystemClock(), served)
    with ApiServer(app, "127.0.0.1", 0) as server, Callers(server.url, CONNECTIONS) as callers:
        for _ in range(3):
            callers.until(150)
            os.kill(int(stream.info("server")["process_id"]), signal.SIGKILL)  # pyright: ignore[reportIndexIssue]
            callers.until(150)
    assert callers.refused == []
    assert_kept(served, log, callers.answered)
    embedded(away).release()


@pytest.mark.service("kafka")
def test_a_kafka_killed_while_predictions_come_in_loses_none(served, tmp_path) -> None:
    broker = OwnBroker(tmp_path / "broker")
    broker.start()
    try:
        kafka = Settings(**{**served.__dict__, "kafka_servers": broker.servers, "stream_system": "kafka"})
        log = open_log(kafka)
        app = create_app(OnlineStore(connect(served)), log, SystemClock(), kafka)
        with ApiServer(app, "127.0.0.1", 0) as server, Callers(server.url, CONNECTIONS) as callers:
            callers.until(150)
            broker.kill()
            callers.until(300)
            assert app.state.predictions.waiting().records > 0
            broker.start()
            callers.until(50)
            until(lambda: app.state.predictions.waiting().records < 100)
        assert callers.refused == []
        assert_kept(served, log, callers.answered)
    finally:
        broker.stop()


PROGRAM = """
import subprocess, sys
from pathlib import Path
from typing import Any
import httpx
from mlinfra_assets.clock import SystemClock
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.redis_server import connect
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.opening import open_log
from dataclasses import replace

home, small = Path(sys.argv[1]), sys.argv[2]
settings = Settings(home=home, lake=sys.argv[3])
store, log = OnlineStore(connect(settings)), open_log(settings)
on_small = replace(settings, home=Path(small) / "home")
app = create_app(store, log, SystemClock(), on_small)
body = {"entities": [{"customer_id": n} for n in range(200)]}
answered, refused = [], 0
with ApiServer(app, "127.0.0.1", 0) as server, httpx.Client(base_url=server.url, trust_env=False, timeout=60) as client:
    subprocess.run(["mount", "-o", "remount,size=1m", small], check=True)
    store_append, log.append = log.append, lambda *_: (_ for _ in ()).throw(ConnectionError("away"))
    for _ in range(60):
        answer = client.post("/v1/predict/churn", json=body)
        if answer.status_code == 200:
            answered += [one["prediction_id"] for one in answer.json()["predictions"]]
        else:
            assert answer.status_code == 503 and "make room" in answer.text, answer.text
            assert "score" not in answer.text
            refused += 1
    subprocess.run(["mount", "-o", "remount,size=64m", small], check=True)
    log.append = store_append
    answer = client.post("/v1/predict/churn", json=body)
    answered += [one["prediction_id"] for one in answer.json()["predictions"]]
    assert refused and app.state.predictions.settle(30)
print("\\n".join(answered))
"""


def test_a_full_disk_answers_nothing_and_keeps_what_was_answered(served, tmp_path) -> None:
    small = tmp_path / "small"
    command = [*on_a_small_disk(small, 1), sys.executable, "-c", PROGRAM, str(served.home), str(small), served.lake]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    answered = done.stdout.split()
    assert len(answered) > 400
    assert_kept(served, open_log(served), answered)


def test_two_processes_share_a_folder_and_one_takes_up_what_the_other_left(served) -> None:
    first, second = ApiProcess(served), ApiProcess(served)
    try:
        first.start()
        second.start()
        with Callers(first.url, 4) as one, Callers(second.url, 4) as other:
            one.until(100)
            other.until(100)
            first.kill()
            other.until(100)
    except BaseException:
        first.stop()
        second.stop()
        raise
    folder = served.home / "write-ahead" / "predictions"
    log = open_log(served)
    assert first._process is not None
    dead = {path for path in folder.glob("*.wal") if f"-{first._process.pid}-" in path.name}
    assert dead
    until(lambda: not any(path.exists() for path in dead))
    second.stop()
    assert_kept(served, log, [*one.answered, *other.answered])


def test_a_model_file_that_is_torn_predicts_nothing_and_the_rest_lives(served) -> None:
    store = OnlineStore(connect(served))
    client = connect(served)
    (key,) = [key for key in client.scan_iter("*churn*") if client.type(key) == b"hash"]
    held: Any = client.hgetall(key)
    field = next(name for name, value in held.items() if len(value) > 1_000)
    client.hset(key, field, held[field][:-100])
    app = create_app(store, open_log(served), SystemClock(), served)
    with (
        ApiServer(app, "127.0.0.1", 0) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=60) as caller,
    ):
        body = {"entities": [{"customer_id": 17850}]}
        answer = caller.post("/v1/predict/churn", json=body)
        features = caller.post("/v1/features", json={**body, "features": ["customer_features:orders"]})
    assert (answer.status_code, features.status_code) == (503, 200)
    assert "churn" in answer.json()["error"]["message"]
