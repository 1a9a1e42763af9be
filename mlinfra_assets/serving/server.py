"""The API's server: beside other work in a thread, or by itself until it is told to stop."""

from __future__ import annotations

import ipaddress
import signal
import socket
import threading
from types import TracebackType
from typing import Self

import uvicorn
from fastapi import FastAPI

from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.serving.protocol import LimitedProtocol
from mlinfra_assets.streams.write_ahead.log import WriteAheadLog

START_SECONDS = 30.0
STOP_SECONDS = 10


class ApiServer:
    """Serves an app over HTTP; also a context manager that starts and stops it.

    Args:
        app: Made by `create_app`.
        host: Address to bind to.
        port: Port; 0 takes a free one.

    Raises:
        InvalidInputError: The address can be reached from other machines, and the app asks for no keys.
        UnavailableError: The port is taken, or the address is not this machine's.
    """

    def __init__(self, app: FastAPI, host: str, port: int) -> None:
        self._socket = _bind(host, port, keys_required=app.state.keys_required)
        self._host, self._port = self._socket.getsockname()[:2]
        config = uvicorn.Config(
            app,
            http=type("Protocol", (LimitedProtocol,), {"limits": app.state.limits}),
            log_config=None,
            log_level="error",  # what is wrong with a request is told to its sender, and is no news of the server's
            server_header=False,
            access_log=False,
            ws="none",
            lifespan="on",
            timeout_graceful_shutdown=STOP_SECONDS,
        )
        self._server = uvicorn.Server(config)
        self._predictions: WriteAheadLog = app.state.predictions
        self._thread = threading.Thread(target=self._serve, name="api", daemon=True)
        self._failure: BaseException | None = None

    @property
    def url(self) -> str:
        """Where it answers."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def start(self) -> Self:
        """Serve in a thread; returns when requests are answered.

        Raises:
            UnavailableError: It did not come up.
        """
        self._predictions.start()
        self._thread.start()
        waited = threading.Event()
        for _ in range(int(START_SECONDS / 0.01)):
            if self._server.started or not self._thread.is_alive():
                break
            waited.wait(0.01)
        if not self._server.started:
            self.stop()
            raise UnavailableError(f"the API at {self.url} did not come up: {self._failure or 'it took too long'}")
        return self

    def stop(self) -> None:
        """Finish the requests that are being answered, bring predictions into the stream, stop. Twice is no harm."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS + 5)
        self._socket.close()
        self._predictions.close()

    def run(self) -> None:
        """Serve in the main thread until SIGINT or SIGTERM; a process that got SIGTERM then ends with status 0.

        Raises:
            SystemExit: SIGTERM came. It lets the process clean up, the embedded Redis among it; by default the signal,
                which the server raises again when it has stopped, ends a process on the spot.
        """
        before = signal.signal(signal.SIGTERM, _end)
        self._predictions.start()
        try:
            self._server.run(sockets=[self._socket])
        finally:
            signal.signal(signal.SIGTERM, before)
            self._socket.close()
            self._predictions.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self) -> None:
        try:
            self._server.run(sockets=[self._socket])
        except BaseException as error:  # noqa: BLE001 - handed to whoever waits for the start
            self._failure = error


def _end(_number: int, _frame: object) -> None:
    raise SystemExit(0)


def _bind(host: str, port: int, *, keys_required: bool) -> socket.socket:
    where = f"the API cannot listen on {host}, port {port}"
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (socket.gaierror, UnicodeError, OverflowError) as error:
        raise UnavailableError(f"{where}: {error}: set MLINFRA_API_HOST and MLINFRA_API_PORT") from error
    if not keys_required and not ipaddress.ip_address(address[0]).is_loopback:
        raise InvalidInputError(
            f"{host} can be reached from other machines, and no API key would be asked for: make one with "
            "mlinfra api key create, or bind to 127.0.0.1"
        )
    listening = socket.socket(family, socket.SOCK_STREAM)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        listening.close()
        raise UnavailableError(f"{where} ({error.strerror}): stop what uses it, or set MLINFRA_API_PORT") from error
    return listening
