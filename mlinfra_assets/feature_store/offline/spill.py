"""Rows put down on disk by bucket, so that those of some buckets can be taken up again by themselves."""

from __future__ import annotations

import errno
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.ipc

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.feature_store.errors import RetrievalError

BUCKET = "(bucket)"


class Spill:
    """One Arrow file. Rows are gathered until they are worth writing, and then written ordered by bucket.

    Args:
        file: Where; it is not there yet.
        gathered_bytes: How much memory rows may take before they are written.
    """

    def __init__(self, file: Path, gathered_bytes: int) -> None:
        self._file = file
        self._limit = gathered_bytes
        self._waiting: list[pl.DataFrame] = []
        self._waiting_bytes = 0
        self._schema: pl.Schema | None = None
        self._sink: pa.OSFile | None = None
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._batches: dict[int, list[int]] = defaultdict(list)
        self._written = 0
        self.bytes: dict[int, int] = defaultdict(int)

    def add(self, rows: pl.DataFrame, buckets: pl.Series) -> None:
        """Add rows, each with the number of its bucket. Every frame has the columns of the first."""
        self._schema = rows.schema
        if not rows.height:
            return
        frame = rows.with_columns(buckets.cast(pl.Int64).alias(BUCKET))
        self._waiting.append(frame)
        self._waiting_bytes += int(frame.estimated_size())
        if self._waiting_bytes > self._limit:
            self._write()

    def close(self) -> None:
        """Write what is still in memory; from then on rows can be read."""
        self._write()
        if self._writer is not None and self._sink is not None:
            with writing(self._file):
                self._writer.close()
                self._sink.close()
            self._writer = None

    def remove(self) -> None:
        """Delete the file."""
        self._file.unlink(missing_ok=True)

    def read(self, buckets: Iterable[int]) -> Iterator[pl.DataFrame]:
        """The rows of some buckets, in frames; those of a bucket in the order in which they came."""
        if not self._written:
            return
        with pa.memory_map(str(self._file)) as source, pa.ipc.open_file(source) as reader:
            for bucket in buckets:
                for number in self._batches.get(bucket, ()):
                    yield pl.DataFrame(reader.get_batch(number))

    def rows(self, buckets: Iterable[int]) -> pl.DataFrame:
        """The rows of some buckets as one frame."""
        if self._schema is None:
            raise RetrievalError(f"nothing was put down in {self._file}")
        return pl.concat([pl.DataFrame(schema=self._schema), *self.read(buckets)])

    def _write(self) -> None:
        if not self._waiting:
            return
        rows = pl.concat(self._waiting).sort(BUCKET, maintain_order=True)
        self._waiting, self._waiting_bytes = [], 0
        numbers = rows.get_column(BUCKET).to_numpy()
        rows = rows.drop(BUCKET)
        edges = np.flatnonzero(np.diff(numbers)) + 1
        table = rows.to_arrow(compat_level=pl.CompatLevel.oldest()).combine_chunks()
        with writing(self._file):
            writer = self._open(table.schema)
            begin = 0
            for end in [*edges.tolist(), len(numbers)]:
                for batch in table.slice(begin, end - begin).to_batches():
                    writer.write_batch(batch)
                    bucket = int(numbers[begin])
                    self._batches[bucket].append(self._written)
                    self.bytes[bucket] += batch.get_total_buffer_size() * (end - begin) // len(numbers)
                    self._written += 1
                begin = end

    def _open(self, schema: pa.Schema) -> pa.ipc.RecordBatchFileWriter:
        if self._writer is None:
            self._sink = pa.OSFile(str(self._file), "wb")
            self._writer = pa.ipc.new_file(self._sink, schema)
        return self._writer


@contextmanager
def writing(file: Path) -> Iterator[None]:
    """Say of a file that cannot be written why not.

    Raises:
        UnavailableError: The disk is full.
        RetrievalError: It may not be written.
    """
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT} or "no space left" in str(error).lower():
            raise UnavailableError(
                f"no space left in {file.parent}: free some, or name another folder (temporary files are in that which "
                "TMPDIR names), and ask again"
            ) from error
        if isinstance(error, PermissionError) or error.errno == errno.EROFS:
            raise RetrievalError(f"{file} cannot be written: name a file in a folder that can be written to") from error
        raise
