"""Fetching a file: whole or not at all, from its own origin only. The server is a real one on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from mlinfra_assets.connectors.fetch import fetch
from mlinfra_assets.errors import InvalidInputError, UnavailableError

CONTENT = b"PK rates"


class Bank(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        moved = {"/moved.zip": "/rates.zip", "/away.zip": "http://localhost:1/rates.zip", "/loop.zip": "/loop.zip"}
        if self.path in moved:
            self.send_response(302)
            self.send_header("Location", moved[self.path])
            self.end_headers()
        elif self.path == "/rates.zip":
            self._answer(CONTENT)
        elif self.path == "/empty.zip":
            self._answer(b"")
        elif self.path == "/torn.zip":
            self._answer(CONTENT, len(CONTENT) + 100)
        else:
            self.send_error(404)

    def _answer(self, content: bytes, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name that the base class gives it
        pass


@pytest.fixture
def bank() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Bank)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.parametrize("path", ["rates.zip", "moved.zip"])
def test_a_file_lands_once_under_its_name_and_hash(bank: str, tmp_path: Path, path: str) -> None:
    landed = fetch(f"{bank}/{path}", tmp_path / "landing", max_bytes=100, checksum=sha256(CONTENT).hexdigest())
    assert landed is not None
    assert landed.read_bytes() == CONTENT
    assert landed.name.startswith(path.removesuffix("zip"))
    assert landed.suffix == ".zip"
    assert fetch(f"{bank}/{path}", tmp_path / "landing", max_bytes=100) is None
    assert list((tmp_path / "landing").iterdir()) == [landed]


@pytest.mark.parametrize(
    ("path", "limit", "checksum", "error", "says"),
    [
        ("rates.zip", 3, None, InvalidInputError, "larger than 3 bytes"),
        ("rates.zip", 100, "0" * 64, InvalidInputError, "not the expected file"),
        ("empty.zip", 100, None, InvalidInputError, "answered with nothing"),
        ("away.zip", 100, None, InvalidInputError, "redirects to another origin"),
        ("loop.zip", 100, None, UnavailableError, "more than 5 times"),
        ("none.zip", 100, None, UnavailableError, "answers 404"),
        ("torn.zip", 100, None, UnavailableError, "cannot be reached"),
    ],
)
def test_what_is_not_the_file_does_not_land(bank: str, tmp_path: Path, path, limit, checksum, error, says: str) -> None:
    with pytest.raises(error, match=says):
        fetch(f"{bank}/{path}", tmp_path, max_bytes=limit, checksum=checksum)
    assert list(tmp_path.iterdir()) == []


def test_no_network_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="check the network, or put the file in by hand"):
        fetch("http://127.0.0.1:1/rates.zip", tmp_path, max_bytes=100)
