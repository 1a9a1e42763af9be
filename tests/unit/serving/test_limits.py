"""How much, how large, how slow, how many: each limit, and that what keeps it goes through."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace

import httpx
import orjson
import pytest

from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.bucket import Bucket
from mlinfra_assets.serving.server import ApiServer
from tests.support.api_keys import bearer, key

ASK = {"features": ["customer_features:orders"], "entities": [{"customer_id": 1}]}
JSON = {"content-type": "application/json"}


@contextmanager
def serving(store, log, clock, settings, **limits):
    with (
        ApiServer(create_app(store, log, clock, replace(settings, **limits)), "127.0.0.1", 0) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=180) as caller,
    ):
        yield caller


@contextmanager
def connection(caller):
    with socket.create_connection((caller.base_url.host, caller.base_url.port), timeout=30) as opened:
        yield opened


def everything(opened) -> bytes:
    """What the server sends until it closes the connection."""
    parts = []
    while part := opened.recv(65_536):
        parts.append(part)
    return b"".join(parts)


def request(path="/v1/features", body=b"", *headers: bytes, length=None):
    said = len(body) if length is None else length
    lines = [b"POST %s HTTP/1.1" % path.encode(), b"host: 127.0.0.1", b"content-type: application/json"]
    return b"\r\n".join([*lines, b"content-length: %d" % said, *headers, b"", b""]) + body


def test_a_bucket_fills_and_goes_into_debt_once():
    now = [0.0]
    bucket = Bucket(10, lambda: now[0])
    assert bucket.take(25) == 0.0
    assert bucket.take(1) == pytest.approx(1.6)
    now[0] = 1.6
    assert bucket.take(1) == 0.0
    assert bucket.take(1) == pytest.approx(0.1)
    now[0] = 100.0
    assert [bucket.take(1) for _ in range(10)] == [0.0] * 10
    assert bucket.take(1) > 0
    assert Bucket(0).take(10**9) == 0.0


def test_requests_a_second_are_counted_by_key(loaded, log, clock, settings):
    keys = ",".join([key("a", "one", "features"), key("b", "two", "features")])
    with serving(loaded, log, clock, settings, api_keys=keys, api_requests_per_second=3) as caller:
        answers = [caller.post("/v1/features", json=ASK, headers=bearer("one")) for _ in range(20)]
        late = [answer for answer in answers if answer.status_code == 429]
        assert {answer.status_code for answer in answers} == {200, 429}
        assert {answer.headers["retry-after"] for answer in late} == {"1"}
        assert "the key a may make 3 requests a second" in late[0].json()["error"]["message"]
        assert caller.post("/v1/features", json=ASK, headers=bearer("two")).status_code == 200
        assert caller.get("/health/live").status_code == 200


def test_entities_a_second_are_counted_by_key(loaded, log, clock, settings):
    many = ASK | {"entities": [{"customer_id": n} for n in range(1_000)]}
    keys = key("a", "one", "features+predict")
    with serving(loaded, log, clock, settings, api_keys=keys, api_entities_per_second=100) as caller:
        assert caller.post("/v1/features", json=many, headers=bearer("one")).status_code == 200
        for path, body in (("/v1/features", many), ("/v1/predict/churn", {"entities": many["entities"]})):
            answer = caller.post(path, json=body, headers=bearer("one"))
            assert answer.status_code == 429
            assert int(answer.headers["retry-after"]) >= 1


def test_headers_past_the_limit_are_refused(loaded, log, clock, settings):
    with serving(loaded, log, clock, settings, api_max_header_bytes=8_192) as caller:
        for large in ({"x": "a" * 9_000}, {f"x{n}": "a" for n in range(1_500)}):
            assert caller.post("/v1/features", json=ASK, headers=large).status_code == 431
        assert caller.get(f"/health/live?{'a' * 9_000}").status_code == 431
        assert caller.get("/health/live", headers={"x": "a" * 4_000}).status_code == 200


def test_headers_that_never_end_are_cut_off(loaded, log, clock, settings):
    with serving(loaded, log, clock, settings, api_max_header_bytes=8_192) as caller, connection(caller) as opened:
        opened.sendall(b"POST /v1/features HTTP/1.1\r\nhost: 127.0.0.1\r\n")
        for _ in range(40):
            try:
                opened.sendall(b"x-%d: %s\r\n" % (_, b"a" * 500))
            except (BrokenPipeError, ConnectionResetError):
                break
        with suppress(ConnectionResetError):  # closed while bytes were on their way: they may take the refusal along
            assert everything(opened).startswith(b"HTTP/1.1 431")
        assert caller.get("/health/live").status_code == 200


def test_slow_headers_and_slow_bodies_are_cut_off(loaded, log, clock, settings):
    limits = {"api_header_seconds": 1, "api_body_seconds": 1}
    starts = [
        b"",
        b"POST /v1/features HTTP/1.1\r\nhost: 127.0.0.1\r\n",
        request(body=b'{"features"', length=500),
        request(body=b"", length=1_000_000),
        b'POST /v1/features HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{"fea\r\n',
    ]
    with serving(loaded, log, clock, settings, **limits) as caller:

        def hang(start):
            with connection(caller) as opened:
                opened.sendall(start)
                return everything(opened)

        with ThreadPoolExecutor(len(starts)) as pool:
            answers = list(pool.map(hang, starts))
        assert [answer[:12] for answer in answers] == [b"HTTP/1.1 408"] * len(starts)
        with connection(caller) as opened:
            opened.sendall(request(body=orjson.dumps(ASK)) + b"POST /v1/fea")
            assert everything(opened).startswith(b"HTTP/1.1 200")
        assert caller.post("/v1/features", json=ASK).status_code == 200


def test_a_refused_request_may_go_on_sending_within_the_limits_only(loaded, log, clock, settings):
    limits = {"api_keys": key("a", "one", "features"), "api_max_body_bytes": 100_000}
    with serving(loaded, log, clock, settings, **limits) as caller:
        for _ in range(3):
            assert caller.post("/v1/features", content=b" " * 90_000, headers=JSON).status_code == 401
        with connection(caller) as opened:
            opened.sendall(b"POST /v1/features HTTP/1.1\r\nhost: a\r\ncontent-length: 900000000\r\n\r\n")
            head = opened.recv(65_536)
            assert head.startswith(b"HTTP/1.1 401")
            endless = b" " * 64_000_000
            with pytest.raises((BrokenPipeError, ConnectionResetError)):
                opened.sendall(endless)


def test_requests_past_the_number_at_once_are_turned_away(loaded, log, clock, settings, monkeypatch):
    arrived, go_on = threading.Semaphore(0), threading.Event()
    read = type(loaded).read_views

    def slow(self, *asked):
        arrived.release()
        assert go_on.wait(60)
        return read(self, *asked)

    monkeypatch.setattr(type(loaded), "read_views", slow)
    with serving(loaded, log, clock, settings, api_max_concurrent=2) as caller, ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(caller.post, "/v1/features", json=ASK) for _ in range(2)]
        assert all(arrived.acquire(timeout=60) for _ in waiting)
        answer = caller.post("/v1/features", json=ASK)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert caller.get("/health/live").status_code == 200
        go_on.set()
        assert [one.result().status_code for one in waiting] == [200, 200]
        assert caller.post("/v1/features", json=ASK).status_code == 200


def test_connections_past_the_number_at_once_are_closed(loaded, log, clock, settings):
    with serving(loaded, log, clock, settings, api_max_connections=2) as caller:
        with connection(caller) as one, connection(caller) as two, connection(caller) as three:
            assert everything(three).startswith(b"HTTP/1.1 503")
            for opened in (one, two):
                opened.sendall(b"GET /health/live HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n")
                assert everything(opened).startswith(b"HTTP/1.1 200")
        assert caller.get("/health/live").status_code == 200
