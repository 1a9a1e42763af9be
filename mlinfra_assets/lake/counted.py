"""Rows on their way into a table, counted as they pass."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from mlinfra_assets.lake import schema as schemas


class Counted:
    """Hands rows on, and counts them.

    Attributes:
        rows: How many it has handed on.
    """

    def __init__(self) -> None:
        self.rows = 0

    def batches(self, data: pa.Table | pa.RecordBatchReader, order: pa.Schema) -> pa.Table | pa.RecordBatchReader:
        """The rows as Delta's writer takes them, with the columns in the order of a schema."""
        self.rows = 0
        if isinstance(data, pa.Table):
            self.rows = data.num_rows
            return schemas.arranged(data, order)
        arranged = schemas.arranged(data.schema.empty_table(), order).schema
        return pa.RecordBatchReader.from_batches(arranged, self._through(data, order))

    def _through(self, data: pa.RecordBatchReader, order: pa.Schema) -> Iterator[pa.RecordBatch]:
        batches = iter(data)
        # The writer pulls from inside its own runtime, in which a source that itself reads a table would fail.
        with ThreadPoolExecutor(max_workers=1) as thread:
            while (batch := thread.submit(next, batches, None).result()) is not None:
                self.rows += batch.num_rows
                yield from schemas.arranged(pa.Table.from_batches([batch]), order).to_batches()
