"""A record as the fields of a Redis stream entry: `v` the value, `k` the key, `h:<name>` a header, `n` for no value."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import polars as pl

from mlinfra_assets.streams.entry_id import SEQUENCE_BITS, to_offsets
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.records import RECORDS, TIMESTAMP, Headers, binary_column, headers_column

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
    values, keys, headers = _alike([fields for _, fields in entries]) or _each([fields for _, fields in entries])
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


Columns = tuple[Sequence[bytes | None], Sequence[bytes | None], Sequence[Headers | None]]
"""Values, keys and headers of some entries."""


def _alike(entries: Sequence[Sequence[bytes]]) -> Columns | None:
    """Of entries that all have a value, or all a value and a key, and nothing else: what most are, taken at once."""
    lengths = set(map(len, entries))
    if lengths not in ({ALONE}, {KEYED}):
        return None
    width, flat = lengths.pop(), list(chain.from_iterable(entries))
    if set(flat[::width]) != {VALUE} or (width == KEYED and set(flat[2::width]) != {KEY}):
        return None
    nothing = [None] * len(entries)
    return flat[1::width], flat[3::width] if width == KEYED else nothing, nothing


def _each(entries: Sequence[Sequence[bytes]]) -> Columns:
    keys: list[bytes | None] = []
    values: list[bytes | None] = []
    headers: list[Headers | None] = []
    for fields in entries:
        pairs = list(zip(fields[::2], fields[1::2], strict=True))
        by_name = dict(pairs)
        keys.append(by_name.get(KEY))
        values.append(by_name.get(VALUE))
        headers.append([(name[len(HEADER) :].decode(), v) for name, v in pairs if name.startswith(HEADER)])
    return values, keys, headers
