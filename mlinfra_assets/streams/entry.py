"""A record as the fields of a Redis stream entry: `v` the value, `k` the key, `h:<name>` a header, `n` for no value."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mlinfra_assets.streams.entry_id import SEQUENCE_BITS, to_offset
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.records import RECORDS, TIMESTAMP, binary_column, headers_column

VALUE, NO_VALUE, KEY, HEADER = b"v", b"n", b"k", b"h:"


def to_fields(record: NewRecord) -> list[bytes]:
    """Field names and values in turn."""
    fields = [NO_VALUE, b""] if record.value is None else [VALUE, record.value]
    if record.key is not None:
        fields += [KEY, record.key]
    for name, value in record.headers:
        fields += [HEADER + name.encode(), value]
    return fields


def to_frame(entries: Sequence[tuple[bytes, Sequence[bytes]]]) -> pl.DataFrame:
    """Entries, (id, field names and values in turn), as records. An entry without a value is a tombstone."""
    offsets = pl.Series("offset", [to_offset(entry_id) for entry_id, _ in entries], dtype=pl.Int64)
    keys: list[bytes | None] = []
    values: list[bytes | None] = []
    headers: list[list[tuple[str, bytes]]] = []
    for _, fields in entries:
        if len(fields) == 2 and fields[0] == VALUE:
            keys.append(None)
            values.append(fields[1])
            headers.append([])
            continue
        pairs = list(zip(fields[::2], fields[1::2], strict=True))
        by_name = dict(pairs)
        keys.append(by_name.get(KEY))
        values.append(by_name.get(VALUE))
        headers.append([(name[len(HEADER) :].decode(), v) for name, v in pairs if name.startswith(HEADER)])
    columns = [offsets, binary_column("key", keys), headers_column(headers), binary_column("payload", values)]
    known_at = (pl.col("offset") // (1 << SEQUENCE_BITS) * 1000).cast(TIMESTAMP)
    return pl.DataFrame(columns).select(
        partition=pl.lit(0, pl.Int32),
        offset="offset",
        event_time=pl.lit(None, TIMESTAMP),
        known_at=known_at,
        key="key",
        headers="headers",
        payload="payload",
    ).match_to_schema(RECORDS)  # fmt: skip
