from __future__ import annotations

import signal
import socket
import subprocess
import sys
from dataclasses import replace
from hashlib import sha256

import httpx
import pytest

from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer


@pytest.fixture
def app(store, log, clock, settings):
    return create_app(store, log, clock, settings)


def test_it_answers_from_start_to_stop(app):
    with ApiServer(app, "127.0.0.1", 0) as server:
        assert httpx.get(f"{server.url}/health/live", trust_env=False).json() == {"status": "live"}
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{server.url}/health/live", trust_env=False)
    server.stop()


def test_a_port_that_is_taken_is_said(app):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(UnavailableError, match=f"port {port} .*: stop what uses it, or set MLINFRA_API_PORT"):
            ApiServer(app, "127.0.0.1", port)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])  # noqa: S104
def test_an_open_address_without_keys_is_refused(app, host):
    with pytest.raises(InvalidInputError, match="make one with mlinfra api key create, or bind to 127"):
        ApiServer(app, host, 0)


def test_an_open_address_with_keys_is_served(store, log, clock, settings):
    keys = f"shop:{sha256(b'x').hexdigest()}:features"
    app = create_app(store, log, clock, replace(settings, api_keys=keys))
    with ApiServer(app, "0.0.0.0", 0) as server:  # noqa: S104
        port = server.url.rpartition(":")[2]
        assert httpx.get(f"http://127.0.0.1:{port}/health/live", trust_env=False).status_code == 200


def test_an_address_that_is_none_is_said(app):
    with pytest.raises(UnavailableError, match="set MLINFRA_API_HOST"):
        ApiServer(app, "no such host", 0)


PROGRAM = """
import sys
from pathlib import Path
from mlinfra_assets.clock import SystemClock
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.redis_server import connect
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.redis_log import RedisLog

settings = Settings(home=Path(sys.argv[1]))
client = connect(settings)
server = ApiServer(create_app(OnlineStore(client), RedisLog(client), SystemClock(), settings), "127.0.0.1", 0)
print(server.url, flush=True)
server.run()
print("stopped", flush=True)
"""


def test_by_itself_it_serves_until_it_is_told_to_stop(tmp_path):
    command = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        url = child.stdout.readline().strip()
        transport = httpx.HTTPTransport(retries=20)
        with httpx.Client(transport=transport, trust_env=False) as caller:
            assert caller.get(f"{url}/health/live", timeout=20).status_code == 200
        assert list(tmp_path.rglob("redis.sock"))
        child.send_signal(signal.SIGTERM)
        output, errors = child.communicate(timeout=30)
    assert "Traceback" not in errors
    assert child.returncode == 0, (output, errors)
    assert not list(tmp_path.rglob("redis.sock")), "the embedded Redis outlives its last user"
