"""Confluent's wire format: a zero byte, the number of the schema in a registry (4 bytes, big-endian), the body."""

from __future__ import annotations

import polars as pl

from mlinfra_assets.contracts.violation import Violation, shown

MAGIC = b"\x00"
HEADER = 5


def split(payload: bytes) -> tuple[int, bytes] | Violation:
    """The number of a message's schema, and what was written with it."""
    if len(payload) < HEADER or payload[:1] != MAGIC:
        message = "does not begin with a zero byte and the four of a schema's number"
        return Violation(None, "wire format", shown(payload[:HEADER].hex(" ")), message)
    return int.from_bytes(payload[1:HEADER], "big"), payload[HEADER:]


def schema_ids(payloads: pl.Series) -> list[int]:
    """The numbers of all schemas that messages were written with, the most frequent first."""
    framed = payloads.filter((payloads.bin.size() >= HEADER) & payloads.bin.starts_with(MAGIC))
    counts = framed.bin.slice(1, HEADER - 1).value_counts(name="count").rename({payloads.name: "head"})
    found = [(-count, int.from_bytes(head, "big")) for head, count in counts.select("head", "count").iter_rows()]
    return [number for _, number in sorted(found)]


def bodies(payloads: pl.Series, ids: list[int]) -> pl.Series:
    """What was written with one of these schemas; null for every other message."""
    heads = [MAGIC + number.to_bytes(HEADER - 1, "big") for number in ids]
    framed = payloads.bin.head(HEADER).is_in(pl.Series(heads, dtype=pl.Binary).implode())
    body = payloads.bin.slice(HEADER)
    return body.to_frame("body").select(pl.when(framed).then("body")).to_series()
