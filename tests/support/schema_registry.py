"""A schema registry of a test's own: Confluent's REST protocol over real HTTP on loopback, as far as clients use it.

Schemas have one number each, whatever subjects they are registered under; a subject has versions. Avro schemas are
held against the version before as `BACKWARD` demands, unless the subject's configuration says `NONE`.
"""

from __future__ import annotations

import base64
import json
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import fastavro

Answer = tuple[int, object]
NO_SUBJECT = (404, {"error_code": 40401, "message": "Subject not found."})
NO_VERSION = (404, {"error_code": 40402, "message": "Version not found."})
NO_SCHEMA = (404, {"error_code": 40403, "message": "Schema not found"})


@dataclass
class Registered:
    """What the registry holds.

    Attributes:
        schemas: By number, from 1: the schema with its type and references.
        subjects: By subject, the numbers of its versions, the first being version 1.
        compatibility: By subject, or for all ("").
    """

    schemas: list[dict[str, Any]] = field(default_factory=list)
    subjects: dict[str, list[int]] = field(default_factory=dict)
    compatibility: dict[str, str] = field(default_factory=lambda: {"": "BACKWARD"})


class SchemaRegistryServer:
    """A registry on a free port of loopback.

    Attributes:
        held: What it holds; it outlives a stop.
        url: Its address.
        requests: Method and path of every request, in order.
        user_info: `user:password` that it asks for; empty: nobody is asked.
    """

    def __init__(self, user_info: str = "") -> None:
        self.held = Registered()
        self.requests: list[str] = []
        self.user_info = user_info
        self._lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Close the port: from now on nobody answers there."""
        self._server.shutdown()
        self._server.server_close()

    def forget(self, number: int) -> None:
        """Lose a schema."""
        self.held.schemas[number - 1] = {}

    def answer(self, method: str, path: str, query: Mapping[str, str], body: dict[str, Any]) -> Answer:
        """What the registry says to a request."""
        for verb, pattern, reply in ROUTES:
            match = re.fullmatch(pattern, path)
            if verb == method and match:
                with self._lock:
                    return reply(self.held, *map(unquote, match.groups()), query=query, body=body)
        return 404, {"error_code": 404, "message": f"HTTP 404 Not Found: {method} {path}"}


@contextmanager
def schema_registry(user_info: str = "") -> Iterator[SchemaRegistryServer]:
    """A registry that is closed in the end."""
    server = SchemaRegistryServer(user_info)
    try:
        yield server
    finally:
        server.stop()


def _normal(body: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "schema": body["schema"],
        "schemaType": body.get("schemaType", "AVRO"),
        "references": list(body.get("references") or []),
    }


def _subjects(held: Registered, *, query: Mapping[str, str], body: dict[str, Any]) -> Answer:
    return 200, sorted(held.subjects)


def _register(held: Registered, subject: str, *, query: Mapping[str, str], body: dict[str, Any]) -> Answer:
    schema = _normal(body)
    refused = _incompatible(held, subject, schema)
    if refused:
        return 409, {"error_code": 409, "message": f"Schema being registered is incompatible: {refused}"}
    if schema not in held.schemas:
        held.schemas.append(schema)
    number = held.schemas.index(schema) + 1
    versions = held.subjects.setdefault(subject, [])
    if number not in versions:
        versions.append(number)
    return 200, _described(held, subject, versions.index(number) + 1)


def _look_up(held: Registered, subject: str, *, query: Mapping[str, str], body: dict[str, Any]) -> Answer:
    if subject not in held.subjects:
        return NO_SUBJECT
    schema = _normal(body)
    for version, number in enumerate(held.subjects[subject], 1):
        if held.schemas[number - 1] == schema:
            return 200, _described(held, subject, version)
    return NO_SCHEMA


def _by_number(held: Registered, number: str, *, query: Mapping[str, str], body: dict[str, Any]) -> Answer:
    if not 0 < int(number) <= len(held.schemas) or not held.schemas[int(number) - 1]:
        return NO_SCHEMA
    return 200, _shown(held.schemas[int(number) - 1], query)


def _version(held: Registered, subject: str, version: str, *, query: Mapping[str, str], body: dict[str, Any]) -> Answer:
    versions = held.subjects.get(subject)
    if versions is None:
        return NO_SUBJECT
    number = len(versions) if version == "latest" else int(version)
    if not 0 < number <= len(versions):
        return NO_VERSION
    return 200, {**_described(held, subject, number), **_shown(held.schemas[versions[number - 1] - 1], query)}


def _compatible(
    held: Registered, subject: str, version: str, *, query: Mapping[str, str], body: dict[str, Any]
) -> Answer:
    return 200, {"is_compatible": not _incompatible(held, subject, _normal(body))}


def _configure(held: Registered, subject: str = "", *, query: Mapping[str, str], body: dict[str, Any]) -> Answer:
    held.compatibility[subject] = body["compatibility"]
    return 200, body


def _configuration(held: Registered, subject: str = "", *, query: Mapping[str, str], body: dict[str, Any]) -> Answer:
    return 200, {"compatibilityLevel": held.compatibility.get(subject, held.compatibility[""])}


def _described(held: Registered, subject: str, version: int) -> dict[str, Any]:
    number = held.subjects[subject][version - 1]
    return {"subject": subject, "version": version, "id": number, **held.schemas[number - 1]}


def _shown(schema: Mapping[str, Any], query: Mapping[str, str]) -> dict[str, Any]:
    """A schema as asked for: Protobuf is a file in base64 only where that is asked for, else a text."""
    if schema["schemaType"] == "PROTOBUF" and query.get("format") != "serialized":
        return {**schema, "schema": "// a .proto file, which no client of Python can read"}
    return dict(schema)


def _incompatible(held: Registered, subject: str, schema: Mapping[str, Any]) -> str:
    """Why a reader with this Avro schema cannot read what the newest version wrote; empty: it can."""
    versions = held.subjects.get(subject)
    level = held.compatibility.get(subject, held.compatibility[""])
    if not versions or level == "NONE" or schema["schemaType"] != "AVRO" or schema["references"]:
        return ""
    before = json.loads(held.schemas[versions[-1] - 1]["schema"])
    written = {f["name"] for f in before.get("fields", [])}
    asked = json.loads(schema["schema"]).get("fields", [])
    fastavro.parse_schema(json.loads(schema["schema"]))
    missing = [f["name"] for f in asked if f["name"] not in written and "default" not in f]
    return f"READER_FIELD_MISSING_DEFAULT_VALUE: {missing}" if missing else ""


Reply = Callable[..., Answer]
ROUTES: list[tuple[str, str, Reply]] = [
    ("GET", r"/subjects", _subjects),
    ("POST", r"/subjects/([^/]+)/versions", _register),
    ("POST", r"/subjects/([^/]+)", _look_up),
    ("GET", r"/schemas/ids/(\d+)", _by_number),
    ("GET", r"/subjects/([^/]+)/versions/(latest|-?\d+)", _version),
    ("POST", r"/compatibility/subjects/([^/]+)/versions/(latest|\d+)", _compatible),
    ("PUT", r"/config/([^/]+)", _configure),
    ("PUT", r"/config", _configure),
    ("GET", r"/config/([^/]+)", _configuration),
    ("GET", r"/config", _configuration),
]


def _handler(server: SchemaRegistryServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            server.requests.append(f"{self.command} {self.path}")
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else {}
            wanted = "Basic " + base64.b64encode(server.user_info.encode()).decode()
            if server.user_info and self.headers.get("Authorization") != wanted:
                status, answer = 401, {"error_code": 40101, "message": "Unauthorized"}
            else:
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                status, answer = server.answer(self.command, parts.path, query, body)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/vnd.schemaregistry.v1+json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _serve  # noqa: N815 - names that the base class asks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base class
            pass

    return Handler
