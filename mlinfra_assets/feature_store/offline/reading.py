"""Readers over readers: one that says how far it has come, and one without rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from mlinfra_assets.feature_store.offline.progress import Progress
from mlinfra_assets.feature_store.reader import SourceReader


class Reported:
    """A reader that says how far it has come.

    Args:
        read: Where the rows come from.
        progress: Whom it tells.
    """

    def __init__(self, read: SourceReader, progress: Progress) -> None:
        self._read, self._progress = read, progress

    def rows(self, dataset: str, columns: Sequence[str], version: int | None = None) -> pl.DataFrame:
        """All rows of a dataset."""
        return self._read.rows(dataset, columns, version)

    def batches(self, dataset: str, columns: Sequence[str], version: int | None = None) -> Iterator[pl.DataFrame]:
        """All rows of a dataset, a frame at a time."""
        total, done = self._read.count(dataset, version), 0
        self._progress(0, total, f"reading {dataset}")
        for frame in self._read.batches(dataset, columns, version):
            yield frame
            done = min(done + frame.height, total)
            self._progress(done, total, f"reading {dataset}")

    def count(self, dataset: str, version: int | None = None) -> int:
        """How many rows there are."""
        return self._read.count(dataset, version)


class NoRows:
    """A reader of datasets that are empty: for a question without rows, which reads nothing."""

    def rows(self, dataset: str, columns: Sequence[str], version: int | None = None) -> pl.DataFrame:  # noqa: ARG002 - the protocol's
        """No rows."""
        return pl.DataFrame(schema=list(columns))

    def batches(self, dataset: str, columns: Sequence[str], version: int | None = None) -> Iterator[pl.DataFrame]:  # noqa: ARG002 - the protocol's
        """No frames."""
        return iter(())

    def count(self, dataset: str, version: int | None = None) -> int:  # noqa: ARG002 - the protocol's
        """0."""
        return 0
