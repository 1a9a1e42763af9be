"""Redis's entry ids as offsets: one integer that orders as they do."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl

from mlinfra_assets.clock import to_micros

SEQUENCE_BITS = 20
MAX_SEQUENCE = (1 << SEQUENCE_BITS) - 1
MAX_MILLIS = (1 << 43) - 1


def to_offset(entry_id: bytes) -> int:
    """The offset of an entry id `<milliseconds>-<sequence>`.

    Raises:
        ValueError: The id is beyond what an offset can hold; no clock and no producer makes such ids.
    """
    millis, _, sequence = entry_id.partition(b"-")
    high, low = int(millis), int(sequence or 0)
    if high > MAX_MILLIS or low > MAX_SEQUENCE:
        raise ValueError(f"the stream entry id {entry_id.decode()} does not fit an offset of 43 + {SEQUENCE_BITS} bits")
    return high << SEQUENCE_BITS | low


def to_offsets(entry_ids: Sequence[bytes]) -> pl.Series:
    """The offsets of many entry ids, int64.

    Raises:
        ValueError: An id is beyond what an offset can hold.
    """
    parts = pl.Series("offset", entry_ids, dtype=pl.Binary).cast(pl.String).str.split_exact("-", 1)
    millis, sequence = (parts.struct.field(f"field_{n}").cast(pl.UInt64, strict=False) for n in range(2))
    fits = (millis <= MAX_MILLIS) & (sequence <= MAX_SEQUENCE)
    if not fits.fill_null(value=False).all():
        return pl.Series("offset", [to_offset(entry_id) for entry_id in entry_ids], dtype=pl.Int64)
    return (millis * (1 << SEQUENCE_BITS) + sequence).cast(pl.Int64).alias("offset")


def from_offset(offset: int) -> bytes:
    """The entry id of an offset."""
    return b"%d-%d" % (offset >> SEQUENCE_BITS, offset & MAX_SEQUENCE)


def first_offset(at: datetime) -> int:
    """The first offset that a record appended at `at` (time-zone aware) or later can have."""
    return -(-to_micros(at) // 1000) << SEQUENCE_BITS
