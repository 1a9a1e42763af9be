"""HTTP as uvicorn speaks it, and what it does not limit: how long headers may take, how large they are, connections."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mlinfra_assets.settings import Settings

_SLOW = (408, b"the headers of the request did not come in time")
_LARGE = (431, b"the headers of the request are too large")
_FULL = (503, b"too many connections")
_LINES = {408: b"Request Timeout", 431: b"Request Header Fields Too Large", 503: b"Service Unavailable"}


class LimitedProtocol(HttpToolsProtocol):
    """A connection: it is closed if a request's headers are too slow or too large, or there are too many like it.

    What still comes of a body whose request has been refused is let pass within the same limits as a body, so that the
    refusal reaches whoever is still sending.

    Attributes:
        limits: The settings; a server makes a subclass with its own.
    """

    limits: Settings
    _coming: asyncio.TimerHandle | None = None
    _in_body = False
    _count = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take up a connection, or close it if there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.limits.api_max_connections:
            self._end(_FULL)
            return
        self._wait(self.limits.api_header_seconds, _SLOW)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget a connection."""
        self._arrived()
        super().connection_lost(exc)

    def on_headers_complete(self) -> None:
        """Begin a request."""
        self._in_body = True
        self._arrived()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request's body."""
        self._in_body = False
        self._arrived()
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Take up bytes; those of headers, and of bodies that nobody reads, are counted and timed."""
        limits = self.limits
        if self._idle and self._coming is None:
            seconds = limits.api_body_seconds if self._in_body else limits.api_header_seconds
            self._wait(seconds, _SLOW)
        super().data_received(data)
        if not self._idle:
            self._arrived()
            return
        self._count += len(data)
        if self._count > (limits.api_max_body_bytes if self._in_body else limits.api_max_header_bytes):
            self._end(_LARGE)

    @property
    def _idle(self) -> bool:
        """Whether no request is being answered, so that what comes is the next one's headers."""
        return self.cycle is None or self.cycle.response_complete

    def _wait(self, seconds: int, why: tuple[int, bytes]) -> None:
        self._coming = self.loop.call_later(seconds, self._end, why)

    def _arrived(self) -> None:
        self._count = 0
        if self._coming is not None:
            self._coming.cancel()
            self._coming = None

    def _end(self, why: tuple[int, bytes]) -> None:
        status, message = why
        if self._in_body:
            self.transport.close()  # its request has been answered
        elif not self.transport.is_closing():
            body = b'{"error":{"message":"%s"}}' % message
            head = (
                b"HTTP/1.1 %d %s\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head % (status, _LINES[status], len(body)) + body)
            self.transport.close()
