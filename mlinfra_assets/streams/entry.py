"""A record as the fields of a Redis stream entry: `v` the value, `k` the key, `h:<name>` a header, `n` for no value."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mlinfra_assets.streams.entry_id import SEQUENCE_BITS, to_offsets
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.records import RECORDS, TIMESTAMP, binary_column, headers_column

VALUE, NO_VALUE, KEY, HEADER = b"v", b"n", b"k", b"h:"
ALONE, KEYED = 2, 4


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
    keys: list[bytes | None] = []
    values: list[bytes | None] = []
    headers: list[list[tuple[str, bytes]] | None] = [None] * len(entries)
    for number, (_, fields) in enumerate(entries):
        # A value, or a value and a key: what most entries are, told apart without a look at more.
        if fields[0] == VALUE and (len(fields) == ALONE or (len(fields) == KEYED and fields[2] == KEY)):
            values.append(fields[1])
            keys.append(fields[3] if len(fields) == KEYED else None)
            continue
        pairs = list(zip(fields[::2], fields[1::2], strict=True))
        by_name = dict(pairs)
        keys.append(by_name.get(KEY))
        values.append(by_name.get(VALUE))
        headers[number] = [(name[len(HEADER) :].decode(), v) for name, v in pairs if name.startswith(HEADER)]
    offsets = to_offsets([entry_id for entry_id, _ in entries])
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
