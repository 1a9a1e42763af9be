"""Every setting, each with its embedded default.

With no environment variable at all, everything lives under one home folder and every service is embedded.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import date, timedelta
from pathlib import Path

from mlinfra_assets.errors import InvalidInputError

PREFIX = "MLINFRA_"
STREAM_SYSTEMS = ("redis", "kafka")
SECURITY_PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
SASL_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
LEAST_RETENTION_HOURS = 24
PROJECT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """What can be set. The environment variable of a field is `MLINFRA_` and its name in capitals.

    Attributes:
        home: Folder of everything that the embedded default keeps.
        lake: Root of the Delta tables: a folder or an `s3://` address. Default: `<home>/lake`. The credentials of an
            object store come from the usual `AWS_*` variables.
        redis_url: Address of a Redis server for the online store and the embedded streams. Default: a managed
            child process that keeps its data under the home folder.
        history_start: First day (UTC) that daily snapshots are kept for.
        api_host: Address the API binds to. Anything but loopback needs `api_keys`.
        api_port: Port of the API.
        ui_port: Port of Dagster's web server.
        api_keys: `name:sha256-of-key:scope+scope`, comma separated. No key here and none in the file: none is asked
            for, loopback only.
        api_keys_file: File of API keys. Default: `<home>/api-keys.json`, if it is there.
        api_requests_per_second: How many requests a key may make; 0: any number. Without keys nothing is counted.
        api_entities_per_second: How many entities a key may ask about, or records send; 0: any number.
        api_max_concurrent: Requests that are worked on at once; more are turned away.
        api_max_connections: Connections that are held at once; more are closed.
        api_max_body_bytes: A larger request is refused.
        api_max_header_bytes: A request with larger headers, its address among them, is refused.
        api_header_seconds: How long a request's headers may take to come.
        api_body_seconds: How long its body may take.
        api_access_log: File of the access log, `-` for stdout, `none` for no log. Default: `<home>/logs/access.jsonl`.
        api_access_log_bytes: Past this size the log is put aside as `<file>.1`, in place of the one before.
        api_idempotency_hours: How long the answer to a request with an `Idempotency-Key` is kept.
        max_payload_bytes: A larger message is kept in raw and quarantined.
        stream_retention_hours: How long the embedded stream keeps what raw already holds.
        consume_linger_ms: How long a consumer lets records gather for a batch, in milliseconds.
        consume_max_batch: Most records of a consumer's batch.
        table_retention_hours: How long a version of a table can be read after another has replaced it; at least 24.
            Versions that the platform itself reads again are kept however old they are.
        write_ahead_max_bytes: How much an API process keeps in `<home>/write-ahead` of predictions that the stream does
            not take. Past it nothing is predicted.
        redis_maxmemory: Memory limit of the embedded Redis, as Redis writes it. Past it writes fail; none is evicted.
        stream_system: The system of the streams whose declaration names none, and of the platform's own (predictions,
            outcomes): `redis` or `kafka`.
        kafka_servers: Kafka's bootstrap servers, `host:port` and comma separated. Empty: no source may be on Kafka.
        kafka_security_protocol: `PLAINTEXT`, `SSL`, `SASL_PLAINTEXT` or `SASL_SSL`.
        kafka_ca_file: PEM file of the authorities that may have signed the brokers' certificates. Empty: the system's.
        kafka_cert_file: PEM file of the client's own certificate.
        kafka_key_file: PEM file of the client's private key.
        kafka_key_password: Password of that file.
        kafka_sasl_mechanism: `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`.
        kafka_user: Name to log in with, under SASL.
        kafka_password: Password to log in with, under SASL.
        schema_registry_url: Address of a Schema Registry that speaks Confluent's protocol.
        schema_registry_user_info: `user:password` for it.
        schema_registry_ca_file: PEM file of the authorities that may have signed its certificate. Empty: the system's.
        retrieval_memory_bytes: About how much memory the rows of one question for features may take. What would take
            more is answered in parts, over temporary files.
        training_set_tables: Tables of the lake whose rows may ask for a training set over the API, comma separated;
            `training/` allows all below it. Empty: none, rows come with the question.
        training_set_max_rows: Most rows of a training set that is asked for over the API.
        training_set_workers: How many of them are made at once, each by a process of its own with at most about
            `retrieval_memory_bytes`.
        training_set_waiting: How many may wait; more are turned away.
        training_set_seconds: How long one may take.
        training_set_hours: How long one is kept after it was asked for.
    """

    home: Path = Path(".mlinfra")
    lake: str = ""
    redis_url: str = field(default="", metadata={"secret": True})
    history_start: date = date(2010, 12, 1)
    api_host: str = "127.0.0.1"
    api_port: int = 8090
    ui_port: int = 3000
    api_keys: str = field(default="", metadata={"secret": True})
    api_keys_file: str = ""
    api_requests_per_second: int = 2_000
    api_entities_per_second: int = 100_000
    api_max_concurrent: int = 256
    api_max_connections: int = 1_024
    api_max_body_bytes: int = 1_048_576
    api_max_header_bytes: int = 16_384
    api_header_seconds: int = 10
    api_body_seconds: int = 10
    api_access_log: str = ""
    api_access_log_bytes: int = 67_108_864
    api_idempotency_hours: int = 24
    max_payload_bytes: int = 1_048_576
    stream_retention_hours: int = 168
    consume_linger_ms: int = 200
    consume_max_batch: int = 100_000
    table_retention_hours: int = 720
    write_ahead_max_bytes: int = 1_073_741_824
    redis_maxmemory: str = "2gb"
    stream_system: str = field(default="redis", metadata={"choices": STREAM_SYSTEMS})
    kafka_servers: str = ""
    kafka_security_protocol: str = field(default="PLAINTEXT", metadata={"choices": SECURITY_PROTOCOLS})
    kafka_ca_file: str = ""
    kafka_cert_file: str = ""
    kafka_key_file: str = ""
    kafka_key_password: str = field(default="", metadata={"secret": True})
    kafka_sasl_mechanism: str = field(default="SCRAM-SHA-512", metadata={"choices": SASL_MECHANISMS})
    kafka_user: str = ""
    kafka_password: str = field(default="", metadata={"secret": True})
    schema_registry_url: str = ""
    schema_registry_user_info: str = field(default="", metadata={"secret": True})
    schema_registry_ca_file: str = ""
    retrieval_memory_bytes: int = 2_147_483_648
    training_set_tables: str = ""
    training_set_max_rows: int = 10_000_000
    training_set_workers: int = 1
    training_set_waiting: int = 16
    training_set_seconds: int = 3_600
    training_set_hours: int = 24

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None) -> Settings:
        """Read the settings from the environment (`os.environ` unless given).

        Raises:
            InvalidInputError: A variable does not hold a value of its kind.
        """
        environment = os.environ if environment is None else environment
        known = {PREFIX + f.name.upper(): f for f in fields(cls)}
        values: dict[str, object] = {}
        for variable, text in environment.items():
            if variable in known and text != "":
                values[known[variable].name] = _parse(variable, text, known[variable])
        settings = cls(**values)  # pyright: ignore[reportArgumentType]
        home = settings.home.expanduser().resolve()
        return cls(**{**settings.__dict__, "home": home, "lake": settings.lake or str(home / "lake")})

    @property
    def dagster_home(self) -> Path:
        """Folder of Dagster's own storage."""
        return self.home / "dagster"

    @property
    def landing(self) -> Path:
        """Folder with one sub-folder a file source, where new files are put."""
        return self.home / "landing"

    @property
    def keys_file(self) -> Path:
        """File of API keys."""
        return Path(self.api_keys_file) if self.api_keys_file else self.home / "api-keys.json"

    @property
    def table_retention(self) -> timedelta:
        """How long a version of a table can be read after another has replaced it.

        Raises:
            InvalidInputError: It is less than a day, and files could go that somebody is just writing or reading.
        """
        if self.table_retention_hours < LEAST_RETENTION_HOURS:
            raise InvalidInputError(
                f"{PREFIX}TABLE_RETENTION_HOURS={self.table_retention_hours} is too short: files could go that "
                f"somebody is just writing or reading; give at least {LEAST_RETENTION_HOURS}"
            )
        return timedelta(hours=self.table_retention_hours)

    def to_environment(self) -> dict[str, str]:
        """The variables that make a child process read these very settings."""
        return {PREFIX + f.name.upper(): str(getattr(self, f.name)) for f in fields(self)}


def _parse(variable: str, text: str, setting: Field[object]) -> object:
    default, choices = setting.default, setting.metadata.get("choices")
    if choices and text not in choices:
        raise InvalidInputError(f"{variable}={text!r} is none of {', '.join(choices)}: correct or unset it")
    try:
        if isinstance(default, int):
            return int(text)
        if isinstance(default, date):
            return date.fromisoformat(text)
    except ValueError as error:
        kind = "a whole number" if isinstance(default, int) else "a date such as 2010-12-01"
        raise InvalidInputError(f"{variable}={text!r} is not {kind}: correct or unset it") from error
    return Path(text) if isinstance(default, Path) else text
