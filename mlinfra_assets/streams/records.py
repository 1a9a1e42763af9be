"""Records as a stream hands them out: columns, not one object a record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

import numpy as np
import polars as pl
import pyarrow as pa

TIMESTAMP = pl.Datetime("us", "UTC")
HEADERS = pl.List(pl.Struct({"name": pl.String(), "value": pl.Binary()}))
RECORDS = pl.Schema(
    {
        "partition": pl.Int32(),
        "offset": pl.Int64(),
        "event_time": TIMESTAMP,
        "known_at": TIMESTAMP,
        "key": pl.Binary(),
        "headers": HEADERS,
        "payload": pl.Binary(),
    }
)
"""A frame of records.

`offset` rises within a partition, with gaps. `known_at` is when the stream itself appended the record; null if it does
not say. `event_time` is the time that the producer gave it; null if none. `payload` is null for a tombstone. `headers`
keeps names that are repeated, in their order.
"""

Headers = Sequence[tuple[str, bytes | None]]


def headers_column(many: Sequence[Headers | None]) -> pl.Series:
    """The headers of many records, laid out as Arrow does: one flat list, and where each record's part of it begins."""
    if any(many):
        flat = [header for headers in many for header in headers or ()]
        starts = list(accumulate((len(headers or ()) for headers in many), initial=0))
    else:
        flat, starts = [], np.zeros(len(many) + 1, np.int64)
    pairs = pa.StructArray.from_arrays(
        [pa.array([n for n, _ in flat], pa.large_string()), pa.array([v for _, v in flat], pa.large_binary())],
        names=["name", "value"],
    )
    return pl.Series("headers", pa.LargeListArray.from_arrays(pa.array(starts, pa.int64()), pairs))


def binary_column(name: str, values: Sequence[bytes | None]) -> pl.Series:
    """Bytes as a column."""
    return pl.Series(name, values, dtype=pl.Binary)


def sizes(frame: pl.DataFrame) -> np.ndarray:
    """Bytes that each record carries: payload, key and headers (int64)."""
    header = pl.element().struct.field("name").str.len_bytes() + pl.element().struct.field(
        "value"
    ).bin.size().fill_null(0)
    return frame.select(
        pl.col("payload").bin.size().fill_null(0).cast(pl.Int64)
        + pl.col("key").bin.size().fill_null(0)
        + pl.col("headers").list.eval(header).list.sum().fill_null(0)
    ).to_series().to_numpy()  # fmt: skip


def batches(portions: Iterable[pl.DataFrame], max_records: int, max_bytes: int) -> Iterator[pl.DataFrame]:
    """The same records in frames of at most `max_records` that end with the record that takes them to `max_bytes`."""
    held: list[pl.DataFrame] = []
    records = size = 0
    for portion in portions:
        totals = np.cumsum(sizes(portion))
        start = 0
        while start < portion.height:
            before = int(totals[start - 1]) if start else 0
            full = int(np.searchsorted(totals, max_bytes - size + before)) + 1
            end = min(full, start + max_records - records, portion.height)
            held.append(portion.slice(start, end - start))
            records, size = records + end - start, size + int(totals[end - 1]) - before
            if records >= max_records or size >= max_bytes:
                yield pl.concat(held)
                held, records, size = [], 0, 0
            start = end
    if held:
        yield pl.concat(held)
