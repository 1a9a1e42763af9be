"""A record to append to a stream."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to append.

    Attributes:
        value: The payload; None for a tombstone.
        key: What it is about, if its producer says so.
        headers: Names and values, in order; a name may occur again.
    """

    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes], ...] = ()
