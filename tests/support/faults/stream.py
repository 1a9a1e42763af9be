"""The streams that faults are tested on."""

from __future__ import annotations

from mlinfra_assets.contracts.source import Source
from mlinfra_assets.redis_server import connect
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.redis_log import RedisLog


def open_log(settings: Settings, source: Source) -> StreamLog:
    """The log that a source reads from."""
    return RedisLog(connect(settings))
