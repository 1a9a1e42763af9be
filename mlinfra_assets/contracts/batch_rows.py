"""The records that batch rules look at: some columns at a time, in frames, so that a batch need not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

import polars as pl

PART_ROWS = 1_000_000
"""So many records are compared with each other at once."""
Columns = Callable[[Sequence[str]], Iterator[pl.DataFrame]]
"""Gives these columns of all records, frame by frame; may be asked again and again."""


@dataclass(frozen=True)
class Rows:
    """Records in a fixed order.

    Attributes:
        height: How many there are.
        frames: Gives some of their columns.
    """

    height: int
    frames: Columns

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Rows:
        """The rows of a frame."""
        return cls(frame.height, lambda columns: iter([frame.select(columns)]))

    def behind(self, others: Rows) -> Rows:
        """These rows with others before them."""
        return Rows(others.height + self.height, lambda columns: chain(others.frames(columns), self.frames(columns)))

    def column(self, name: str) -> Column:
        """The values of a column."""
        return Column(self, name)

    def maximum(self, name: str) -> object:
        """The greatest value of a column; None if there is none."""
        found = [value for part in self.column(name) if (value := part.max()) is not None]
        return max(found, default=None)  # pyright: ignore[reportArgumentType, reportCallIssue]

    def repeated(self, columns: Sequence[str]) -> int:
        """How many records repeat the values of others in these columns; those with a null among them do not count.

        A part of the values is compared at a time, told by a hash.
        """
        parts = max(1, -(-self.height // PART_ROWS))
        return sum(self._repeated(columns, part, parts) for part in range(parts))

    def _repeated(self, columns: Sequence[str], part: int, parts: int) -> int:
        kept = []
        for frame in self.frames(columns):
            known = frame.drop_nulls()
            kept.append(known if parts == 1 else known.filter(known.hash_rows(0) % parts == part))
        together = pl.concat(kept, how="vertical_relaxed") if kept else pl.DataFrame()
        return together.height - together.n_unique()


@dataclass(frozen=True)
class Column:
    """The values of one column, series by series; may be gone through again and again."""

    rows: Rows
    name: str

    def __iter__(self) -> Iterator[pl.Series]:
        return (frame[self.name] for frame in self.rows.frames([self.name]))
