"""What no request gets past, before anything reads it: its size, and on an open door the name it called."""

from __future__ import annotations

from collections.abc import Iterable

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOOPBACK_NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})


class Guard:
    """ASGI middleware.

    Args:
        app: What is guarded.
        max_bytes: Size of a body that is let through.
        hosts: Names that a request may call this server by; None: any. Without API keys only this machine's own names
            are good, or a web page could make a browser on this machine ask (DNS rebinding).
    """

    def __init__(self, app: ASGIApp, max_bytes: int, hosts: Iterable[str] | None) -> None:
        self._app = app
        self._max_bytes = max_bytes
        self._hosts = None if hosts is None else frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        if self._hosts is not None and _name(headers.get(b"host", "")) not in self._hosts:
            await _answer(send, 403, "without API keys this server answers to the names of its own machine only")
            return
        length = headers.get(b"content-length", "0")
        if not length.isdecimal() or int(length) > self._max_bytes:
            await _answer(send, 413, f"the request is larger than {self._max_bytes} bytes")
            return
        body = await self._read(receive)
        if body is None:
            await _answer(send, 413, f"the request is larger than {self._max_bytes} bytes")
            return
        await self._app(scope, _replay(body, receive), send)

    async def _read(self, receive: Receive) -> list[Message] | None:
        """The whole request, which may not have said how long it is; None if it goes on past the limit."""
        messages: list[Message] = []
        size = 0
        while not messages or (messages[-1]["type"] == "http.request" and messages[-1].get("more_body")):
            messages.append(await receive())
            size += len(messages[-1].get("body", b""))
            if size > self._max_bytes:
                return None
        return messages


def _replay(messages: list[Message], receive: Receive) -> Receive:
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


async def _answer(send: Send, status: int, message: str) -> None:
    body = orjson.dumps({"error": {"message": message}})
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*headers, (b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})
