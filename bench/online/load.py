"""A load on a server: connections that each send the next request when the last one is answered.

Imports the standard library alone: what it takes itself should be little. Prints JSON: how many answers, the seconds of
each.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

CONNECTIONS = 8
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class _Connection(asyncio.Protocol):
    def __init__(self, requests: list[bytes], until: float, done: asyncio.Future[None]) -> None:
        self._requests, self._until, self._done = requests, until, done
        self._held = b""
        self._missing = -1
        self._next = 0
        self._sent = 0.0
        self.seconds: list[float] = []
        self.wrong = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._send()

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            self._held += data
            end = self._held.find(_END)
            if end < 0:
                return
            head = self._held[:end].lower()
            at = head.index(_LENGTH) + len(_LENGTH)
            length = int(head[at : head.find(b"\r", at) if head.find(b"\r", at) > 0 else None])
            self.wrong += not head.startswith(b"http/1.1 200")
            self._missing = length - (len(self._held) - end - len(_END))
            self._held = b""
        else:
            self._missing -= len(data)
        if self._missing == 0:
            self._missing = -1
            now = time.perf_counter()
            self.seconds.append(now - self._sent)
            if now < self._until:
                self._send()
            else:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        if not self._done.done():
            self._done.set_result(None)

    def _send(self) -> None:
        self._sent = time.perf_counter()
        self._transport.write(self._requests[self._next])
        self._next = (self._next + 1) % len(self._requests)


async def run(port: int, seconds: float, requests: list[bytes]) -> dict[str, object]:
    """Load a server for some seconds: the seconds of each answer, how long it all took, how many were refused."""
    loop = asyncio.get_running_loop()
    until = time.perf_counter() + seconds
    connections = []
    for number in range(CONNECTIONS):
        turned = requests[number:] + requests[:number]
        done = loop.create_future()
        _, connection = await loop.create_connection(
            lambda turned=turned, done=done: _Connection(turned, until, done), "127.0.0.1", port
        )
        connections.append((connection, done))
    begin = time.perf_counter()
    await asyncio.gather(*[done for _, done in connections])
    return {
        "seconds": time.perf_counter() - begin,
        "answers": [s for connection, _ in connections for s in connection.seconds],
        "wrong": sum(connection.wrong for connection, _ in connections),
    }


def main() -> None:
    """Read port, path, seconds and bodies from standard input, as JSON, and load the server."""
    given = json.load(sys.stdin)
    requests = [
        (
            f"POST {given['path']} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body.encode())}\r\n\r\n{body}"
        ).encode()
        for body in given["bodies"]
    ]
    print(json.dumps(asyncio.run(run(given["port"], given["seconds"], requests))))


if __name__ == "__main__":
    main()
