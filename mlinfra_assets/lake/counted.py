"""Rows on their way into a table, counted as they pass."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass

import pyarrow as pa

from mlinfra_assets.lake import schema as schemas

AHEAD = 2
"""So many batches are read while one is written."""
LOOK = 0.1
"""Seconds after which a reader whose batches nobody takes looks whether the writer has ended."""
Write = Callable[[pa.Table | pa.RecordBatchReader], None]


@dataclass(frozen=True)
class _BrokenOff:
    """In place of a batch: the reader has failed."""

    error: BaseException


class Counted:
    """Hands rows on, and counts them.

    Attributes:
        rows: How many it has handed on.
    """

    def __init__(self) -> None:
        self.rows = 0

    def write(self, write: Write, data: pa.Table | pa.RecordBatchReader, order: pa.Schema) -> None:
        """Hand the rows to Delta's writer, with the columns in the order of a schema.

        A reader is read here, in the caller's thread, and written in another: it may itself read tables, among them the
        one that is written to, whose lock this thread holds. If it fails, its own error comes through, and the writer
        ends without a commit.
        """
        self.rows = 0
        if isinstance(data, pa.Table):
            self.rows = data.num_rows
            write(schemas.arranged(data, order))
            return
        arranged = schemas.arranged(data.schema.empty_table(), order).schema
        passed: queue.Queue[pa.RecordBatch | _BrokenOff | None] = queue.Queue(AHEAD)
        with ThreadPoolExecutor(1, "delta-writer") as thread:
            written = thread.submit(write, pa.RecordBatchReader.from_batches(arranged, _taken(passed)))
            try:
                for batch in data:
                    self.rows += batch.num_rows
                    for part in schemas.arranged(pa.Table.from_batches([batch]), order).to_batches():
                        _put(passed, part, written)
            except BaseException as error:
                _put(passed, _BrokenOff(error), written)
                written.exception()  # it has ended, and nothing is committed, before anybody hears of the error
                raise
            _put(passed, None, written)
            written.result()


def _taken(passed: queue.Queue[pa.RecordBatch | _BrokenOff | None]) -> Iterator[pa.RecordBatch]:
    while (batch := passed.get()) is not None:
        if isinstance(batch, _BrokenOff):
            raise OSError(f"the rows broke off: {type(batch.error).__name__}")
        yield batch


def _put(
    passed: queue.Queue[pa.RecordBatch | _BrokenOff | None],
    batch: pa.RecordBatch | _BrokenOff | None,
    written: Future[None],
) -> None:
    """Hand a batch on, unless the writer has ended, which then says itself why."""
    while not written.done():
        with suppress(queue.Full):
            passed.put(batch, timeout=LOOK)
            return
