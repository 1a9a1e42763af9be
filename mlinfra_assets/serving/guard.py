"""What no request gets past, before anything reads it: its size, its pace, and on an open door the name it called."""

from __future__ import annotations

import asyncio

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlinfra_assets.serving.keyring import Keyring
from mlinfra_assets.serving.problems import refuse
from mlinfra_assets.settings import Settings

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
CLOSE = {"Connection": "close"}
PER_HEADER = 4


class Guard:
    """ASGI middleware.

    Without API keys only this machine's own names are good, or a web page could make a browser on this machine ask (DNS
    rebinding).

    Args:
        app: What is guarded.
        keys: Whether keys are asked for.
        settings: The limits.
    """

    def __init__(self, app: ASGIApp, keys: Keyring, settings: Settings) -> None:
        self._app = app
        self._keys = keys
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            self._head(scope)
            body = await self._body(receive)
        except HTTPException as error:
            await refuse(send, error)
            return
        if body[-1]["type"] == "http.disconnect":
            return  # whoever asked has hung up: there is nobody to answer
        await self._app(scope, replay(body, receive), send)

    def _head(self, scope: Scope) -> None:
        headers = scope["headers"]
        size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        size += sum(len(name) + len(value) + PER_HEADER for name, value in headers)
        most = self._settings.api_max_header_bytes
        if size > most:
            raise HTTPException(431, f"the headers and the address are larger than {most} bytes", CLOSE)
        named = [value for name, value in headers if name == b"host"]
        if not self._keys.required and (len(named) != 1 or _name(named[0].decode("latin-1")) not in LOOPBACK_NAMES):
            raise HTTPException(403, "without API keys this server answers to the names of its own machine only", CLOSE)
        for name, value in headers:
            if name == b"content-length" and not (
                value.isdigit() and len(value) < 19 and int(value) <= self._settings.api_max_body_bytes
            ):
                raise self._too_large()

    async def _body(self, receive: Receive) -> list[Message]:
        """The whole request, which may not have said how long it is."""
        try:
            async with asyncio.timeout(self._settings.api_body_seconds):
                return await self._read(receive)
        except TimeoutError:
            seconds = self._settings.api_body_seconds
            raise HTTPException(408, f"the request did not come within {seconds} seconds", CLOSE) from None

    async def _read(self, receive: Receive) -> list[Message]:
        messages: list[Message] = []
        size = 0
        while not messages or messages[-1].get("more_body"):
            messages.append(await receive())
            size += len(messages[-1].get("body", b""))
            if size > self._settings.api_max_body_bytes:
                raise self._too_large()
        return messages

    def _too_large(self) -> HTTPException:
        return HTTPException(413, f"the request is larger than {self._settings.api_max_body_bytes} bytes", CLOSE)


def replay(messages: list[Message], receive: Receive) -> Receive:
    """What gives messages that were received already, and then what comes."""
    left = iter(messages)

    async def next_message() -> Message:
        for message in left:
            return message
        return await receive()

    return next_message


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    end = host.find("]") + 1
    return host[:end] if end else host.partition(":")[0].lower()
