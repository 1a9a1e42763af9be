"""An address on this machine at which nobody answers."""

from __future__ import annotations

import socket


def closed_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def closed_redis_url() -> str:
    """Address of a Redis server that is not there."""
    return f"redis://127.0.0.1:{closed_port()}/0"
