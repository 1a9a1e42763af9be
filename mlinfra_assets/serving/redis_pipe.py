"""Redis from an event loop: many questions at once over one connection, answered in order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from hashlib import sha1
from typing import Any, cast

import hiredis
import redis

from mlinfra_assets.embedded_redis import EmbeddedRedis
from mlinfra_assets.errors import UnavailableError

SECONDS = 5.0
"""How long an answer may take, and a connection."""
_MORE = object()


class RedisPipe:
    """Runs a script in Redis.

    Args:
        client: A client of the same server, which says where it is and how to log in.
        script: The script, in Lua.
    """

    def __init__(self, client: redis.Redis, script: str) -> None:
        self._client = client
        self._script = script.encode()
        self._sha = sha1(self._script, usedforsecurity=False).hexdigest().encode()
        self._link: _Link | None = None
        self._connecting: asyncio.Task[_Link] | None = None

    @property
    def possible(self) -> bool:
        """Whether the server can be reached so: not over TLS."""
        return not issubclass(self._client.connection_pool.connection_class, redis.SSLConnection)

    async def run(self, keys: Sequence[str], args: Sequence[bytes | str | int]) -> Any:  # noqa: ANN401 - as Redis says
        """The script's answer.

        Raises:
            UnavailableError: Redis cannot be reached, or answers with an error.
        """
        link = self._link
        if link is None or link.closed or link.loop is not asyncio.get_running_loop():
            link = await self._connected()
        try:
            return await link.ask(b"EVALSHA", self._sha, len(keys), *keys, *args)
        except hiredis.ReplyError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise UnavailableError(f"Redis refuses to read: {error}") from error
        await self._asked(link, b"SCRIPT", b"LOAD", self._script)
        return await self._asked(link, b"EVALSHA", self._sha, len(keys), *keys, *args)

    async def close(self) -> None:
        """Hang up; a later question connects again."""
        if self._link is not None:
            await self._link.close()

    async def _connected(self) -> _Link:
        if self._connecting is None or self._connecting.done():
            self._connecting = asyncio.create_task(self._connect())
        return await asyncio.shield(self._connecting)

    async def _connect(self) -> _Link:
        given = self._client.connection_pool.connection_kwargs
        server = given.get("server")
        path = str(server.socket) if isinstance(server, EmbeddedRedis) else given.get("path")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(SECONDS):
                if path:
                    _, link = await loop.create_unix_connection(_Link, path)
                else:
                    _, link = await loop.create_connection(_Link, given["host"], given["port"])
        except (OSError, TimeoutError) as error:
            raise UnavailableError(f"Redis cannot be reached ({error})") from error
        if given.get("password"):
            await self._asked(link, b"AUTH", *filter(None, (given.get("username"), given["password"])))
        if given.get("db"):
            await self._asked(link, b"SELECT", given["db"])
        self._link = link
        return link

    async def _asked(self, link: _Link, *parts: bytes | str | int) -> Any:  # noqa: ANN401 - as Redis says
        try:
            return await link.ask(*parts)
        except hiredis.ReplyError as error:
            raise UnavailableError(f"Redis refuses {parts[0]!r}: {error}") from error


class _Link(asyncio.Protocol):
    def __init__(self) -> None:
        self.closed = False
        self._reader = hiredis.Reader(notEnoughData=_MORE)
        self._waiting: deque[asyncio.Future[Any]] = deque()
        self._transport: asyncio.Transport | None = None
        self.loop = asyncio.get_running_loop()
        self._gone: asyncio.Future[None] = self.loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        if not self._gone.done():
            self._gone.set_result(None)
        for waiting in self._waiting:
            if not waiting.done():
                waiting.set_exception(UnavailableError(f"Redis has hung up ({exc})"))
        self._waiting.clear()

    def data_received(self, data: bytes) -> None:
        self._reader.feed(data)
        while (reply := self._reader.gets()) is not _MORE:
            waiting = self._waiting.popleft()
            if waiting.done():
                continue
            if isinstance(reply, hiredis.ReplyError):
                waiting.set_exception(reply)
            else:
                waiting.set_result(reply)

    async def ask(self, *parts: bytes | str | int) -> Any:  # noqa: ANN401 - as Redis says
        """The answer to a command."""
        if self.closed or self._transport is None:
            raise UnavailableError("Redis has hung up")
        waiting: asyncio.Future[Any] = self.loop.create_future()
        self._waiting.append(waiting)
        self._transport.write(hiredis.pack_command(parts))  # pyright: ignore[reportArgumentType]
        given_up = self.loop.call_later(SECONDS, self._give_up)
        try:
            return await waiting
        finally:
            given_up.cancel()

    async def close(self) -> None:
        self.closed = True
        if self._transport is not None and not self._gone.done():
            self._transport.close()
            await self._gone
            # The loop lets go of the socket when it comes round again.
            await asyncio.sleep(0)

    def _give_up(self) -> None:
        # What comes later would be taken for the answer to something else.
        if self._transport is not None:
            self._transport.abort()
