"""A Schema Registry that speaks Confluent's protocol: schemas by number, with all that they refer to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast
from urllib.parse import urlsplit, urlunsplit

from mlinfra_assets.connectors.written_schema import Referenced, SchemaKind, WrittenSchema
from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.settings import Settings

if TYPE_CHECKING:
    from confluent_kafka.schema_registry import Schema, SchemaRegistryClient

Answer = TypeVar("Answer")
SERIALIZED = "serialized"
"""The form of a Protobuf schema that can be read without a compiler of `.proto` files."""
TIMEOUT = 10
RETRIES = 3
MAX_REFERENCES = 200
MAX_SCHEMA = 1_048_576
UNKNOWN_SCHEMA = 40403


class SchemaRegistry:
    """A registry that is asked for schemas. What it once said of a number does not change.

    Args:
        url: Its address, without credentials.
        user_info: `user:password`, or nothing.
        ca_file: PEM file of the authorities that may have signed its certificate; empty: the system's.

    Raises:
        InvalidInputError: The address is none.
    """

    def __init__(self, url: str, user_info: str = "", ca_file: str = "") -> None:
        self.url = _identity(url)
        self._configuration: dict[str, Any] = {
            "url": self.url,
            "timeout": TIMEOUT,
            "max.retries": RETRIES,
            "retries.wait.ms": 200,
            "retries.max.wait.ms": 2000,
        }
        if user_info:
            self._configuration["basic.auth.user.info"] = user_info
        if ca_file:
            self._configuration["ssl.ca.location"] = ca_file

    @classmethod
    def of(cls, settings: Settings) -> SchemaRegistry | None:
        """The registry that the settings name, if they do."""
        if not settings.schema_registry_url:
            return None
        return cls(settings.schema_registry_url, settings.schema_registry_user_info, settings.schema_registry_ca_file)

    def subjects(self) -> int:
        """How many subjects the registry holds.

        Raises:
            UnavailableError: The registry cannot be reached, or refuses to answer.
        """
        return self._asked(lambda plain, _: len(plain.get_subjects()))

    def schemas(self, ids: list[int]) -> dict[int, WrittenSchema]:
        """The schemas of these numbers; those that the registry does not know are left out.

        Raises:
            UnavailableError: The registry cannot be reached, or refuses to answer.
        """
        found = self._asked(lambda plain, files: {number: _schema(plain, files, number) for number in ids})
        return {number: schema for number, schema in found.items() if schema is not None}

    def _asked(self, ask: Callable[[SchemaRegistryClient, SchemaRegistryClient], Answer]) -> Answer:
        """What the registry answers to one client, and to another: each keeps what it has seen, in whatever form."""
        import httpx2
        from confluent_kafka.schema_registry import SchemaRegistryClient, SchemaRegistryError

        try:
            with SchemaRegistryClient(self._configuration) as plain, SchemaRegistryClient(self._configuration) as files:
                return ask(plain, files)
        except SchemaRegistryError as error:
            raise UnavailableError(
                f"the schema registry {self.url} does not answer as one: {error.error_message} (status "
                f"{error.http_status_code}). Nothing was validated; correct MLINFRA_SCHEMA_REGISTRY_URL or "
                "MLINFRA_SCHEMA_REGISTRY_USER_INFO, or wait until it works again"
            ) from error
        except (httpx2.HTTPError, OSError, ValueError, TypeError, AttributeError) as error:
            raise UnavailableError(
                f"the schema registry {self.url} cannot be reached ({type(error).__name__}: {error}). Nothing was "
                "validated, and nothing is lost: the next run goes on from the same place"
            ) from error


def _schema(plain: SchemaRegistryClient, files: SchemaRegistryClient, number: int) -> WrittenSchema | None:
    from confluent_kafka.schema_registry import SchemaRegistryError

    try:
        found = plain.get_schema(number)
        if found.schema_type == "PROTOBUF":
            found = files.get_schema(number, fmt=SERIALIZED)
    except SchemaRegistryError as error:
        if error.http_status_code == 404 and error.error_code == UNKNOWN_SCHEMA:
            return None
        raise
    references: dict[str, Referenced] = {}
    _collect(files, found, references, SERIALIZED if found.schema_type == "PROTOBUF" else None, 1)
    kind = cast("SchemaKind", found.schema_type or "AVRO")
    return WrittenSchema(kind, _bounded(found.schema_str), tuple(references.values()))


def _collect(
    client: SchemaRegistryClient, schema: Schema, found: dict[str, Referenced], form: str | None, depth: int
) -> None:
    """Take up what a schema refers to, each after what it refers to itself."""
    for reference in schema.references or []:
        if reference.name in found or reference.name is None or reference.subject is None:
            continue
        if len(found) >= MAX_REFERENCES or depth > MAX_REFERENCES:
            raise ValueError(f"a schema refers to more than {MAX_REFERENCES} others")
        registered = client.get_version(reference.subject, reference.version or "latest", deleted=True, fmt=form)
        _collect(client, registered.schema, found, form, depth + 1)
        found[reference.name] = Referenced(reference.name, _bounded(registered.schema.schema_str))


def _bounded(text: str | None) -> str:
    if text is None:
        raise ValueError("a schema without a text")
    if len(text) > MAX_SCHEMA:
        raise ValueError(f"a schema of {len(text):,} characters, more than the {MAX_SCHEMA:,} that are read")
    return text


def _identity(url: str) -> str:
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.password:
        raise InvalidInputError(
            "MLINFRA_SCHEMA_REGISTRY_URL is not an http(s) address without credentials: write "
            "https://registry.example.com, and user and password into MLINFRA_SCHEMA_REGISTRY_USER_INFO"
        )
    return urlunsplit((parts.scheme, parts.netloc.lower(), parts.path.rstrip("/"), "", ""))
