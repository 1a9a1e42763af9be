"""What a write to a table did."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Commit:
    """What a write did.

    Attributes:
        table: The table's name.
        version: Its version that holds the rows.
        rows: Rows written.
    """

    table: str
    version: int
    rows: int
