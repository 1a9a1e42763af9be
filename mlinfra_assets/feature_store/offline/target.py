"""The file that a result is written to."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.offline.entity_table import ParquetFile
from mlinfra_assets.feature_store.offline.spill import writing


@dataclass(frozen=True)
class Target:
    """A Parquet file that is written whole or not at all; one that is there already is replaced."""

    file: Path

    @classmethod
    def of(cls, entity_df: object, into: str | Path | None) -> Target | None:
        """Where the answer to an entity table goes; None: back to whoever asks.

        Raises:
            RetrievalError: The entity table is a path and no file is named, or the file cannot be written.
        """
        source = Path(entity_df) if isinstance(entity_df, str | Path) else None
        if into is None:
            if source is not None:
                raise RetrievalError(f"say where the features of {source} go: into= names a Parquet file")
            return None
        file = Path(into)
        if file.is_dir():
            raise RetrievalError(f"into={str(file)!r} is a folder: name a file in it, such as {file / 'out.parquet'}")
        if not file.parent.is_dir():
            raise RetrievalError(f"into={str(file)!r}: there is no folder {file.parent}, make it first")
        if source is not None and _real(source) in {_real(file), *_real(file).parents}:
            raise RetrievalError(f"into={str(file)!r} is a part of the entity table {source} itself: name another file")
        return cls(file)

    def write(self, frames: Iterable[pl.DataFrame]) -> Path:
        """Write the result; returns the file.

        Raises:
            UnavailableError: The disk is full.
            RetrievalError: The file cannot be written.
        """
        with writing(self.file), ParquetFile(self.file) as written:
            for frame in frames:
                written.write(frame)
        return self.file


def _real(path: Path) -> Path:
    # Unlike Path.resolve it does not mind links that lead back to themselves.
    return Path(os.path.realpath(path))
