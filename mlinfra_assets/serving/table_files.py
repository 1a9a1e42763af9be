"""A Parquet file as a stream of another form, a part at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Literal

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

Format = Literal["parquet", "arrow", "ndjson"]
MEDIA_TYPES: Mapping[Format, str] = {
    "parquet": "application/vnd.apache.parquet",
    "arrow": "application/vnd.apache.arrow.stream",
    "ndjson": "application/x-ndjson",
}
BATCH = 10_000


def stream(file: Path, wanted: Format) -> Iterator[bytes]:
    """The rows of a Parquet file as an Arrow IPC stream, or as lines of JSON: times in UTC, decimals as text."""
    with pq.ParquetFile(file) as rows:
        if wanted == "arrow":
            yield from _arrow(rows)
        else:
            for batch in rows.iter_batches(BATCH):
                lines = (orjson.dumps(row, option=orjson.OPT_UTC_Z, default=_text) for row in batch.to_pylist())
                yield b"".join(line + b"\n" for line in lines)


def _arrow(rows: pq.ParquetFile) -> Iterator[bytes]:
    out = BytesIO()
    with pa.ipc.new_stream(out, rows.schema_arrow) as written:
        for batch in rows.iter_batches(BATCH):
            written.write_batch(batch)
            yield _taken(out)
    yield _taken(out)


def _taken(out: BytesIO) -> bytes:
    taken = out.getvalue()
    out.seek(0)
    out.truncate()
    return taken


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return str(value)
    raise TypeError
