"""The stream logs as a resource: Redis's or Kafka's, whichever a source is in."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.opening import open_log
from resources.redis import RedisResource


class StreamResource(RedisResource):
    """The stream logs that sources read from and that predictions are written to.

    Attributes:
        stream_system: The system of the streams whose declaration names none, and of the platform's own.
        kafka_servers: Kafka's bootstrap servers; empty: no source may be on Kafka.
        kafka_security_protocol: How the brokers are spoken to.
        kafka_ca_file: PEM file of the authorities that signed the brokers' certificates.
        kafka_cert_file: PEM file of the client's certificate.
        kafka_key_file: PEM file of the client's private key.
        kafka_key_password: Password of that file.
        kafka_sasl_mechanism: How the client logs in.
        kafka_user: Who logs in.
        kafka_password: The password.
    """

    stream_system: str = "redis"
    kafka_servers: str = ""
    kafka_security_protocol: str = "PLAINTEXT"
    kafka_ca_file: str = ""
    kafka_cert_file: str = ""
    kafka_key_file: str = ""
    kafka_key_password: str = Field(default="", json_schema_extra={"dagster__is_secret": True})
    kafka_sasl_mechanism: str = "SCRAM-SHA-512"
    kafka_user: str = ""
    kafka_password: str = Field(default="", json_schema_extra={"dagster__is_secret": True})

    def open(self, system: str | None = None) -> StreamLog:
        """The log of a system, on a fresh connection; None: the one that the settings name."""
        own = {name: getattr(self, name) for name in StreamResource.model_fields if name != "home"}
        return open_log(Settings(home=Path(self.home), **own), system)


def stream_fields(settings: Settings) -> dict[str, str]:
    """What the resource takes from the settings."""
    return {name: str(getattr(settings, name)) for name in StreamResource.model_fields}
