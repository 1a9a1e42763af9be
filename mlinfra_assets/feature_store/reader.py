"""Where the rows of a dataset come from: whoever calls the feature store brings one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import polars as pl


class SourceReader(Protocol):
    """Reads datasets by the names that feature views use."""

    def rows(self, dataset: str, columns: Sequence[str], version: int | None = None) -> pl.DataFrame:
        """All rows of a dataset, in any order.

        Args:
            dataset: Its name.
            columns: The columns that are needed, the coordinates among them.
            version: Version of its table. None: the newest.
        """
        ...

    def batches(self, dataset: str, columns: Sequence[str], version: int | None = None) -> Iterator[pl.DataFrame]:
        """The same rows in frames that each take little memory, in any order; without rows, perhaps no frame."""
        ...

    def count(self, dataset: str, version: int | None = None) -> int:
        """How many rows `rows` and `batches` give: what a question is planned by. Costs little beside reading them."""
        ...
