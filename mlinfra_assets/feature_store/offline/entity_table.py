"""The table that asks: whose features, and when. Every kind of table in, and the same kind out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self, cast

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.offline.entity_path import readable, scan

KINDS = "a Polars, Arrow or pandas table, or the path of a Parquet file, a folder of them or a Delta table"
FIRST_ROWS = 1 << 16


class EntityTable(Protocol):
    """Rows that can be gone through again and again, in the same order."""

    @property
    def schema(self) -> pl.Schema:
        """Columns and types."""
        ...

    @property
    def rows(self) -> int:
        """How many rows there are."""
        ...

    def frames(self, rows: int) -> Iterator[pl.DataFrame]:
        """All rows in frames of `rows` rows, the last one smaller; without rows one empty frame."""
        ...


@dataclass(frozen=True)
class InMemory:
    """An entity table in memory."""

    frame: pl.DataFrame

    @property
    def schema(self) -> pl.Schema:
        """Columns and types."""
        return self.frame.schema

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.frame.height

    def frames(self, rows: int) -> Iterator[pl.DataFrame]:
        """All rows in frames of `rows` rows, the last one smaller; without rows one empty frame."""
        yield from self.frame.iter_slices(rows) if self.frame.height else [self.frame]


class OnDisk:
    """An entity table on disk, of which a frame at a time is read.

    Args:
        path: Where it is, for messages.
        parts: Lazy frames over its files, of one schema.
    """

    def __init__(self, path: object, parts: Sequence[pl.LazyFrame]) -> None:
        self._path = path
        self._parts = list(parts)
        with readable(path):
            self.schema = self._parts[0].collect_schema()
            self._counts = [int(part.select(pl.len()).collect().item()) for part in self._parts]

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return sum(self._counts)

    def frames(self, rows: int) -> Iterator[pl.DataFrame]:
        """All rows in frames of `rows` rows, the last one smaller; without rows one empty frame."""
        waiting = pl.DataFrame(schema=self.schema)
        for part, count in zip(self._parts, self._counts, strict=True):
            first = 0
            while first < count:
                taken = min(rows - waiting.height, count - first)
                with readable(self._path):
                    found = part.slice(first, taken).collect()
                waiting = pl.concat([waiting, found]) if waiting.height else found
                first += taken
                if waiting.height == rows:
                    yield waiting
                    waiting = waiting.clear()
        if waiting.height or not self.rows:
            yield waiting


def open_table(entity_df: object, most_bytes: int, folder: Path) -> EntityTable:
    """The rows of an entity table.

    Args:
        entity_df: A table of any kind, or a path.
        most_bytes: What comes as a stream of more bytes than this is put down in `folder`.
        folder: For temporary files.

    Raises:
        RetrievalError: It is no table, or cannot be read.
    """
    if isinstance(entity_df, str | Path):
        path = Path(entity_df)
        return OnDisk(path, scan(path))
    if isinstance(entity_df, pl.LazyFrame):
        try:
            schema = entity_df.collect_schema()
            batches = entity_df.collect_batches(chunk_size=FIRST_ROWS, maintain_order=True)
            return _held(iter(batches), schema, most_bytes, folder)
        except pl.exceptions.PolarsError as error:
            raise RetrievalError(f"the lazy frame entity_df cannot be collected: {error}") from error
    if isinstance(entity_df, pa.RecordBatchReader):
        stream = cast("Any", entity_df)
        schema = pl.DataFrame(stream.schema.empty_table()).schema
        return _held(map(pl.DataFrame, stream), schema, most_bytes, folder)
    return InMemory(to_polars(entity_df))


def to_polars(table: object) -> pl.DataFrame:
    """A Polars frame of a Polars, Arrow or pandas table.

    Raises:
        RetrievalError: It is none of these.
    """
    if isinstance(table, pl.DataFrame):
        return table
    if isinstance(table, pl.LazyFrame):
        return table.collect()
    if hasattr(table, "__arrow_c_stream__"):
        return pl.DataFrame(cast("Any", table))
    raise RetrievalError(f"entity_df is a {type(table).__name__}: pass {KINDS}")


def like(entity_df: object, frame: pl.DataFrame) -> Any:  # noqa: ANN401 - the kind is the caller's
    """A result as the kind of table that was asked with."""
    if isinstance(entity_df, pl.LazyFrame):
        return frame.lazy()
    if isinstance(entity_df, pa.RecordBatchReader):
        return frame.to_arrow().to_reader()
    if isinstance(entity_df, pa.Table):
        return frame.to_arrow()
    if type(entity_df).__module__.partition(".")[0] == "pandas":
        return frame.to_pandas()
    return frame


def _held(batches: Iterator[pl.DataFrame], schema: pl.Schema, most_bytes: int, folder: Path) -> EntityTable:
    """What can be gone through only once, in memory or else in a file."""
    kept: list[pl.DataFrame] = [pl.DataFrame(schema=schema)]
    size = 0
    for batch in batches:
        kept.append(batch)
        size += int(batch.estimated_size())
        if size > most_bytes:
            return _put_down(kept, batches, folder / "entities.parquet")
    return InMemory(pl.concat(kept))


def _put_down(kept: list[pl.DataFrame], batches: Iterator[pl.DataFrame], file: Path) -> EntityTable:
    with ParquetFile(file) as written:
        for batch in kept:
            written.write(batch)
        kept.clear()
        for batch in batches:
            written.write(batch)
    return OnDisk("entity_df", [pl.scan_parquet(file, glob=False)])


class ParquetFile:
    """A Parquet file that frames of one schema are written to, one after the other. A context manager.

    Args:
        file: Where. It is there when the context ends without an error.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._part = file.with_name(f".{file.name}.part")
        self._writer: pq.ParquetWriter | None = None

    def write(self, frame: pl.DataFrame) -> None:
        """Add rows; the first frame says what the columns are."""
        table = frame.to_arrow(compat_level=pl.CompatLevel.oldest())
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._part, table.schema, compression="zstd")
        self._writer.write_table(table)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if self._writer is not None:
                self._writer.close()
                if kind is None:
                    self._part.replace(self._file)
        finally:
            self._part.unlink(missing_ok=True)
