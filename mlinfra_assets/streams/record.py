"""What a stream holds: a record before and after it was appended."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to append.

    Attributes:
        value: The payload.
        key: What it is about, if its producer says so.
        headers: Names and values; a name occurs once.
    """

    value: bytes
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class StreamRecord:
    """A record as the stream keeps it.

    Attributes:
        partition: Its partition.
        offset: Its place there; later records have greater offsets, with gaps.
        known_at: When it was appended, microseconds since the epoch, UTC.
        key: What it is about, if its producer said so.
        value: The payload.
        headers: Names and values.
    """

    partition: int
    offset: int
    known_at: int
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...]
