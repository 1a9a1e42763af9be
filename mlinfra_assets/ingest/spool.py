"""Rows on disk, on their way from one table to another: for what does not fit into memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa

from mlinfra_assets.contracts.batch_rows import Rows
from mlinfra_assets.lake.schema import to_arrow


class Spool:
    """Rows in a file that goes with its folder. First all are added, then they may be read again and again.

    Args:
        file: Where they are kept.
        schema: Their columns.
    """

    def __init__(self, file: Path, schema: pl.Schema) -> None:
        self._file = file
        self._schema = to_arrow(pl.DataFrame(schema=schema)).schema
        self._names = list(schema)
        self._height = 0
        self._writer = pa.ipc.new_file(str(file), self._schema)

    def add(self, rows: pl.DataFrame) -> None:
        """Add rows."""
        self._writer.write_table(to_arrow(rows.select(self._names)).cast(self._schema))
        self._height += rows.height

    def close(self) -> None:
        """Say that these were all."""
        self._writer.close()

    @property
    def rows(self) -> Rows:
        """The rows, in the order in which they were added."""
        return Rows(self._height, self._frames)

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows with all columns, frame by frame."""
        return self._frames(self._names)

    def reader(self, change: Callable[[pl.DataFrame], pl.DataFrame]) -> pa.RecordBatchReader:
        """The rows as a table takes them in, each frame changed on the way."""
        empty = pl.DataFrame(pa.Table.from_batches([], self._schema))
        schema = to_arrow(change(empty)).schema
        batches = (batch for frame in self.frames() for batch in to_arrow(change(frame)).cast(schema).to_batches())
        return pa.RecordBatchReader.from_batches(schema, batches)

    def _frames(self, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        with pa.memory_map(str(self._file)) as source:
            file = pa.ipc.open_file(source)
            for number in range(file.num_record_batches):
                yield pl.DataFrame(pa.Table.from_batches([file.get_batch(number).select(list(columns))]))
