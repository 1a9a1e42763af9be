"""A record as the fields of a Redis stream entry: `v` the value, `k` the key, `h:<name>` a header."""

from __future__ import annotations

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.streams.entry_id import known_at, to_offset
from mlinfra_assets.streams.record import NewRecord, StreamRecord

VALUE, KEY, HEADER = b"v", b"k", b"h:"


def to_fields(record: NewRecord) -> list[bytes]:
    """Field names and values in turn.

    Raises:
        InvalidInputError: A header name occurs twice, which an entry cannot hold.
    """
    fields = [VALUE, record.value]
    if record.key is not None:
        fields += [KEY, record.key]
    names = {name for name, _ in record.headers}
    if len(names) != len(record.headers):
        raise InvalidInputError(f"a record carries a header twice: {[name for name, _ in record.headers]}")
    for name, value in record.headers:
        fields += [HEADER + name.encode(), value]
    return fields


def to_record(entry_id: bytes, fields: dict[bytes, bytes]) -> StreamRecord:
    """The record of an entry. An entry without a value, which only another program can have made, has an empty one."""
    offset = to_offset(entry_id)
    headers = tuple((n[len(HEADER) :].decode(), v) for n, v in fields.items() if n.startswith(HEADER))
    return StreamRecord(
        partition=0,
        offset=offset,
        known_at=known_at(offset),
        key=fields.get(KEY),
        value=fields.get(VALUE, b""),
        headers=headers,
    )


def size(record: StreamRecord) -> int:
    """Bytes that a record carries."""
    return len(record.value) + len(record.key or b"") + sum(len(n) + len(v) for n, v in record.headers)
