"""The way to Redis: the server that a setting names, or the embedded one of the home folder."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import redis

from mlinfra_assets.embedded_redis import EmbeddedRedis, once
from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.settings import Settings

__all__ = ["EmbeddedRedis", "connect", "reachable"]

_embedded: dict[tuple[int, Path], EmbeddedRedis] = {}
_guard = threading.Lock()


def connect(settings: Settings) -> redis.Redis:
    """A client (bytes in, bytes out) that has just had an answer from its server.

    The embedded server is started if it is not running, and runs until the last process that connected to it ends.
    No command is repeated by itself: after an error the caller knows that it may or may not have happened.

    Raises:
        UnavailableError: The server cannot be reached or started.
        InvalidInputError: `redis_url` is not an address of a Redis server.
    """
    client = _remote(settings.redis_url) if settings.redis_url else _local(settings)
    with reachable(client):
        client.ping()
    return client


def embedded(settings: Settings) -> EmbeddedRedis:
    """This process's hold on the embedded server of the home folder."""
    folder = (settings.home / "redis").resolve()
    with _guard:
        return _embedded.setdefault((os.getpid(), folder), EmbeddedRedis(folder, settings.redis_maxmemory))


@contextmanager
def reachable(client: redis.Redis) -> Iterator[None]:
    """Turn Redis's failures into errors that say what to do.

    Raises:
        UnavailableError: The server is gone, does not answer, is full, or refuses to write.
    """
    try:
        yield
    except redis.OutOfMemoryError as error:
        raise UnavailableError(_full(client)) from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise UnavailableError(
            f"Redis at {_address(client)} cannot be reached ({error}): start it, or correct MLINFRA_REDIS_URL"
        ) from error
    except redis.ResponseError as error:
        text = str(error)
        if "OOM" in text:
            raise UnavailableError(_full(client)) from error
        if any(sign in text for sign in ("MISCONF", "READONLY", "LOADING", "NOAUTH", "WRONGPASS", "NOPERM")):
            raise UnavailableError(f"Redis at {_address(client)} refuses to work: {text}") from error
        raise


def _full(client: redis.Redis) -> str:
    return (
        f"Redis at {_address(client)} is full and evicts nothing: raise MLINFRA_REDIS_MAXMEMORY (embedded) or the "
        "server's maxmemory; what it holds is kept"
    )


def _local(settings: Settings) -> redis.Redis:
    try:
        server = embedded(settings)
        server.acquire()
    except OSError as error:
        raise UnavailableError(
            f"the embedded Redis of {settings.home / 'redis'} cannot work there: {error.strerror or error}; make the "
            "folder writable, free some space, or name another home"
        ) from error
    return server.client()


def _remote(url: str) -> redis.Redis:
    try:
        return redis.Redis.from_url(url, retry=once(), socket_timeout=60, socket_connect_timeout=10)
    except ValueError:
        scheme = urlsplit(url).scheme
        raise InvalidInputError(
            f"MLINFRA_REDIS_URL (scheme {scheme or 'missing'}) is not the address of a Redis server: expected "
            "redis://host:port/0, rediss://... or unix:///path; in a password / # ? @ : are written as %2F %23 %3F %40 "
            "%3A"
        ) from None  # the reason may quote a part of the password


def _address(client: redis.Redis) -> str:
    """Where a client connects to, without its password."""
    pool = client.connection_pool
    server = pool.connection_kwargs.get("server")
    if isinstance(server, EmbeddedRedis):
        return str(server.socket)
    path = pool.connection_kwargs.get("path")
    return path or f"{pool.connection_kwargs.get('host')}:{pool.connection_kwargs.get('port')}"
