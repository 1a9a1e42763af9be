"""What Kafka's client has to be told to reach the brokers of the settings, and what its errors mean to a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from confluent_kafka import KafkaError, KafkaException

from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.settings import Settings

CONNECT_MS = 10_000
LOGIN_ERRORS = {
    KafkaError._AUTHENTICATION,  # noqa: SLF001 - the client's own errors have such names
    KafkaError._SSL,  # noqa: SLF001
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.GROUP_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
}
UNKNOWN_TOPIC = {
    KafkaError.UNKNOWN_TOPIC_OR_PART,
    KafkaError.UNKNOWN_TOPIC_ID,
    KafkaError._UNKNOWN_TOPIC,  # noqa: SLF001
    KafkaError._UNKNOWN_PARTITION,  # noqa: SLF001
}
LEADERLESS = {
    KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.LEADER_NOT_AVAILABLE,
    KafkaError.REPLICA_NOT_AVAILABLE,
    KafkaError.OFFSET_NOT_AVAILABLE,
    *UNKNOWN_TOPIC,
}
"""What a partition says for a moment that was just made, or whose broker was just lost."""


def client_config(settings: Settings) -> dict[str, str | int | float | bool]:
    """The part of the client's configuration that all kinds of clients share.

    Raises:
        InvalidInputError: The settings name no brokers, or ask for a log-in without a name and a password.
    """
    if not settings.kafka_servers:
        raise InvalidInputError(
            "a stream is on Kafka, but no brokers are set: set MLINFRA_KAFKA_SERVERS=host:port, or declare the stream "
            "with `system: redis`"
        )
    config: dict[str, str | int | float | bool] = {
        "bootstrap.servers": settings.kafka_servers,
        "security.protocol": settings.kafka_security_protocol,
        "client.id": "mlinfra",
        "socket.connection.setup.timeout.ms": CONNECT_MS,
        "reconnect.backoff.max.ms": 1_000,
        # The client's own log goes to stderr, past everything that formats errors for people.
        "log_level": 0,
    }
    if settings.kafka_security_protocol in {"SSL", "SASL_SSL"}:
        files = {
            "ssl.ca.location": settings.kafka_ca_file,
            "ssl.certificate.location": settings.kafka_cert_file,
            "ssl.key.location": settings.kafka_key_file,
            "ssl.key.password": settings.kafka_key_password,
        }
        config |= {name: value for name, value in files.items() if value}
    if settings.kafka_security_protocol.startswith("SASL_"):
        if not settings.kafka_user or not settings.kafka_password:
            raise InvalidInputError(
                f"MLINFRA_KAFKA_SECURITY_PROTOCOL={settings.kafka_security_protocol} asks for a log-in: set "
                "MLINFRA_KAFKA_USER and MLINFRA_KAFKA_PASSWORD"
            )
        config |= {
            "sasl.mechanism": settings.kafka_sasl_mechanism,
            "sasl.username": settings.kafka_user,
            "sasl.password": settings.kafka_password,
        }
    return config


@contextmanager
def reachable(servers: str) -> Iterator[None]:
    """Turn the failures of Kafka's client into errors that say what to do.

    Raises:
        UnavailableError: The brokers cannot be reached, refuse the log-in, or fail.
        InvalidInputError: The client refuses its configuration.
    """
    try:
        yield
    except KafkaException as error:
        raise explained(error.args[0], servers) from error


def explained(error: KafkaError, servers: str) -> UnavailableError | InvalidInputError:
    """What an error of Kafka's client means, and what to do."""
    code, text = error.code(), error.str()
    if code in LOGIN_ERRORS:
        return UnavailableError(
            f"Kafka at {servers} refuses the connection or what is asked of it ({text}): check "
            "MLINFRA_KAFKA_SECURITY_PROTOCOL, the certificates, the user and password, and what the user may do"
        )
    if code in {KafkaError._INVALID_ARG, KafkaError._CRIT_SYS_RESOURCE}:  # noqa: SLF001
        return InvalidInputError(f"Kafka's client cannot work with the MLINFRA_KAFKA_* settings: {text}")
    return UnavailableError(
        f"Kafka at {servers} cannot be reached or does not answer ({text}): start it, or correct MLINFRA_KAFKA_SERVERS"
    )
