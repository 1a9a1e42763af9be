"""A schema that messages were written with, as a registry keeps it: enough to read them without the registry."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Literal

SchemaKind = Literal["AVRO", "JSON", "PROTOBUF"]


@dataclass(frozen=True)
class Referenced:
    """A schema that another one refers to.

    Attributes:
        name: What the other calls it: the full name of a type (Avro), the path of a file (Protobuf), an address (JSON).
        text: The schema.
    """

    name: str
    text: str


@dataclass(frozen=True)
class WrittenSchema:
    """A schema with all that it refers to.

    Attributes:
        kind: What language it is in.
        text: The schema: JSON, or a `FileDescriptorProto` in base64 (Protobuf).
        references: What it refers to, directly or not; each after those that it refers to itself.
    """

    kind: SchemaKind
    text: str
    references: tuple[Referenced, ...] = ()

    @property
    def fingerprint(self) -> str:
        """64 hexadecimal digits over all of it."""
        return sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """All of it as JSON text: equal schemas give equal text."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> WrittenSchema:
        """The inverse of `to_json`."""
        data = json.loads(text)
        return cls(**{**data, "references": tuple(Referenced(**r) for r in data["references"])})


Schemas = Mapping[int, WrittenSchema]
"""Schemas by their number in the registry."""
