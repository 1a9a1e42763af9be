"""A record as bytes of a file: its size and checksum, the moment to append it at, its key and its value."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from zlib import crc32

from mlinfra_assets.clock import from_micros, to_micros
from mlinfra_assets.errors import InvalidInputError

MAX_RECORD_BYTES = 900_000
"""What every stream takes, headers and all."""
HEAD = struct.Struct("<II")
BODY = struct.Struct("<qI")
NO_MOMENT = -(1 << 63)


@dataclass(frozen=True, slots=True)
class Framed:
    """A record of a file.

    Attributes:
        key: Names it; no other record has the same.
        value: The payload.
        at: The moment to append it at on a simulated clock, UTC; None: whenever it is appended.
        start: Where it begins, in bytes from where reading began.
        end: Where it ends.
    """

    key: bytes
    value: bytes
    at: datetime | None
    start: int
    end: int


def to_frame(key: bytes, value: bytes, at: datetime | None) -> bytes:
    """The bytes of a record.

    Raises:
        InvalidInputError: It is larger than what a stream takes.
    """
    if len(key) + len(value) > MAX_RECORD_BYTES:
        raise InvalidInputError(
            f"a record of {len(key) + len(value):,} bytes is larger than what a stream takes ({MAX_RECORD_BYTES:,}): "
            "ask for less at once"
        )
    body = BODY.pack(NO_MOMENT if at is None else to_micros(at), len(key)) + key + value
    return HEAD.pack(len(body), crc32(body)) + body


def frames(data: bytes) -> Iterator[Framed]:
    """The whole records of some data, up to one that is cut off. A damaged one is left out if a whole one follows."""
    start = 0
    while start + HEAD.size <= len(data):
        found = _body(data, start)
        if found is None:
            start += HEAD.size + HEAD.unpack_from(data, start)[0]
            if _body(data, start) is None:
                return
            continue
        body, end = found
        moment, length = BODY.unpack_from(body)
        key = body[BODY.size : BODY.size + length]
        at = None if moment == NO_MOMENT else from_micros(moment)
        yield Framed(key, body[BODY.size + length :], at, start, end)
        start = end


def _body(data: bytes, start: int) -> tuple[bytes, int] | None:
    if start + HEAD.size > len(data):
        return None
    size, checksum = HEAD.unpack_from(data, start)
    end = start + HEAD.size + size
    if end > len(data) or size < BODY.size:
        return None
    body = data[start + HEAD.size : end]
    return (body, end) if crc32(body) == checksum else None
