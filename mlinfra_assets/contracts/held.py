"""Quarantined records and the decisions to let them in, as a person sees them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mlinfra_assets.contracts.violation import Violation
from mlinfra_assets.errors import InvalidInputError

LARGEST = 2**63 - 1
DIGITS = len(str(LARGEST))


@dataclass(frozen=True)
class Position:
    """Where a record stands in its source, written as `partition:offset` or `partition:offset:row`."""

    partition: int
    offset: int
    row: int = 0

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}:{self.row}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """The position that a text names.

        Raises:
            InvalidInputError: It names none.
        """
        parts = text.split(":")
        if len(parts) not in {2, 3} or not all(_is_number(part) for part in parts):
            raise InvalidInputError(f"{text!r} is not a position: write it as partition:offset:row, such as 0:4711:0")
        return cls(*(int(p) for p in parts))


def _is_number(text: str) -> bool:
    """Whether this is a whole number that the tables' 64 bits hold; a Redis offset has 19 digits."""
    return text.isascii() and text.isdecimal() and len(text) <= DIGITS and int(text) <= LARGEST


@dataclass(frozen=True)
class HeldRecord:
    """One quarantined record.

    Attributes:
        source: Its source.
        position: Where it stands.
        known_at: When the platform could first have used it, had it been valid (UTC).
        contract_version: Fingerprint of the contract that it breaks.
        reasons: Every rule that it breaks.
        record: The decoded record as JSON text, cut at 4,096 characters; None if it cannot be decoded.
        released: Number of the release that let it in; None: it is held.
    """

    source: str
    position: Position
    known_at: datetime
    contract_version: str
    reasons: tuple[Violation, ...]
    record: str | None
    released: int | None


@dataclass(frozen=True)
class Release:
    """A decision to let a record in.

    Attributes:
        source: Its source.
        number: Number of the decision among those of the source, from 1.
        position: Where the record stands.
        released_at: When, and so from when on it counts as known (UTC).
        released_by: Who decided.
        why: The reason that they gave.
        record: The record as it is let in: the corrected one as JSON text, or None: as it was.
    """

    source: str
    number: int
    position: Position
    released_at: datetime
    released_by: str
    why: str
    record: str | None
