"""Ten thousand requests that mean no good: each is answered, none by a 500, and nothing that is invalid comes in."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import httpx
import orjson
import pytest

from tests.support.declared import declared, processed
from tests.support.hostile import hostile
from tests.support.intake import held
from tests.support.served_shop import KEYS
from tests.unit.serving.conftest import client, clock, loaded, log, onnx, redis_server, store

__all__ = ["client", "clock", "loaded", "log", "onnx", "redis_server", "store"]

REQUESTS = 10_000
SEED = 20_261_121
SENDERS = 4
SERVER = """
import sys
from pathlib import Path
import redis
from mlinfra_assets.clock import FixedClock
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.intake import make_intake
from tests.support.served_shop import NOW

client = redis.Redis(unix_socket_path=sys.argv[1])
settings, clock, log = Settings(home=Path(sys.argv[2])), FixedClock(NOW), RedisLog(client)
intake = make_intake(client, log, clock, settings)
server = ApiServer(create_app(OnlineStore(client), log, clock, settings, intake=intake), "127.0.0.1", 0)
print(server.url, flush=True)
server.run()
"""
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)\r\n", re.IGNORECASE)
ASK = {"features": ["customer_features"], "entities": [{"customer_id": key} for key in KEYS[:5]]}


@pytest.fixture
def server(loaded, client, tmp_path):
    """Its address and its process."""
    path = client.connection_pool.connection_kwargs["server"].socket
    command = [sys.executable, "-c", SERVER, str(path), str(tmp_path)]
    with (
        (tmp_path / "stderr").open("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env={**os.environ}) as child,
    ):
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        try:
            yield url, child, tmp_path / "stderr"
        finally:
            child.terminate()


class Sender:
    """One connection after the other to a server."""

    def __init__(self, url):
        parsed = httpx.URL(url)
        self._at = (parsed.host, parsed.port)
        self._open = None

    def send(self, one):
        """The status and the body of the answer; 0 if there is none."""
        if one.whole:
            for _ in range(2):  # the connection that is there may have been closed after its last answer
                fresh, answer = self._open is None, b""
                try:
                    answer = self._one(one.data)
                except (BrokenPipeError, ConnectionResetError):
                    self.close()
                if answer or fresh:
                    return _parsed(answer)
        self.close()
        return _parsed(self._last(one.data))

    def close(self):
        if self._open is not None:
            self._open.close()
            self._open = None

    def _one(self, data):
        if self._open is None:
            self._open = socket.create_connection(self._at, timeout=60)
        self._open.sendall(data)
        answer = b""
        while b"\r\n\r\n" not in answer:
            part = self._open.recv(1 << 16)
            if not part:
                self.close()
                return answer
            answer += part
        head, _, body = answer.partition(b"\r\n\r\n")
        said = LENGTH.search(head + b"\r\n")
        while said and len(body) < int(said[1]):
            body += self._open.recv(1 << 16)
        if b"connection: close" in head.lower():
            self.close()
        return head + b"\r\n\r\n" + body

    def _last(self, data):
        with socket.create_connection(self._at, timeout=60) as opened:
            answer = b""
            try:
                opened.sendall(data)
                opened.shutdown(socket.SHUT_WR)
                while part := opened.recv(1 << 16):
                    answer += part
            except (BrokenPipeError, ConnectionResetError, OSError):
                pass
            return answer


def _parsed(answer):
    if answer.startswith(b"HTTP/1.1 100 "):
        answer = answer.partition(b"\r\n\r\n")[2]
    head, _, body = answer.partition(b"\r\n\r\n")
    return (int(head.split(b" ", 2)[1]) if head.startswith(b"HTTP/1.1 ") else 0), body


def answered_well(one, status):
    """Whether a request got an answer, if it is HTTP at all, and no failure of the server's own."""
    return status in range(200, 500) or status == 503 or (not one.whole and status in {0, 501, 505})


def places(answer):
    """Where the records of a request stand that were taken."""
    return {(answer["source"], r["partition"], r["offset"]) for r in answer["records"] if "offset" in r}


def test_ten_thousand_hostile_requests_do_no_harm(server, log):
    url, child, errors = server
    with httpx.Client(base_url=url, trust_env=False, timeout=180) as caller:
        described = caller.get("/openapi.json").json()["paths"]
        before = caller.post("/v1/features", json=ASK).json()["results"]
    addresses = sorted((method.upper(), path) for path, methods in described.items() for method in methods)
    addresses += [(method, path) for method, path in addresses if method == "POST"] * 3

    def play(number):
        sender, statuses, taken, wrong = Sender(url), Counter(), set(), []
        for one in islice(hostile(SEED, REQUESTS, addresses), number, None, SENDERS):
            status, body = sender.send(one)
            if not answered_well(one, status):
                wrong.append((status, body[:300], one))
            statuses[status] += 1
            if status == 202:
                taken |= places(orjson.loads(body))
        sender.close()
        return statuses, taken, wrong

    with ThreadPoolExecutor(SENDERS) as pool:
        played = list(pool.map(play, range(SENDERS)))
    assert not [one for _, _, wrong in played for one in wrong], errors.read_text()[-5_000:]
    statuses = sum((one for one, _, _ in played), Counter())
    assert statuses.total() == REQUESTS
    assert {200, 202, 400, 404, 405, 422} <= statuses.keys(), statuses
    assert child.poll() is None
    assert "Traceback" not in errors.read_text()
    with httpx.Client(base_url=url, trust_env=False, timeout=180) as caller:
        deadline = time.monotonic() + 30
        while caller.get("/health/ready").json()["predictions_waiting"]:
            assert time.monotonic() < deadline
        assert caller.post("/v1/features", json=ASK).json()["results"] == before
    kept = set()
    for name in ("order_lines", "outcomes", "predictions"):
        rows = held(log, name)
        assert rows
        assert processed(declared(name), *(payload for _, payload in rows)).quarantined.height == 0, name
        kept |= {(name, *position) for position, _ in rows}
    assert set().union(*(taken for _, taken, _ in played)) <= kept
