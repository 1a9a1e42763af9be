"""The one way to a stream: the log of the system that a source or the settings name."""

from __future__ import annotations

from mlinfra_assets.redis_server import connect
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.redis_log import RedisLog


def system_of(settings: Settings, declared: str | None = None) -> str:
    """The system of a stream: `redis` or `kafka`; what its declaration says, or else the settings."""
    return declared or settings.stream_system


def open_log(settings: Settings, declared: str | None = None) -> StreamLog:
    """The log that a stream is in.

    Args:
        settings: Where the systems are.
        declared: The system that the source's declaration names; None: the one of the settings, in which the
            platform's own streams are.

    Raises:
        UnavailableError: It cannot be reached.
        InvalidInputError: The settings do not say where it is.
    """
    if system_of(settings, declared) == "kafka":
        from mlinfra_assets.streams.kafka_log import KafkaLog

        return KafkaLog(settings)
    return RedisLog(connect(settings))
