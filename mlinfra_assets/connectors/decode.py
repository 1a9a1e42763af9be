"""Raw rows to records: each payload by the format of its source, each record with its place in raw."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import polars as pl

from mlinfra_assets.connectors.json_lines import decode_message
from mlinfra_assets.connectors.zipped_csv import UnreadableFileError, read_records
from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.contracts.violation import Violation


@dataclass
class Records:
    """Decoded records, and what could not be decoded, in the order of raw.

    Attributes:
        values: Field, by the producer's name, to value.
        raw: For each record, the number of its raw row in the frame.
        row: For each record, its number within its payload, from 0.
        failed: (raw row, record number, what is wrong) of what holds no record.
    """

    values: list[dict[str, object]] = field(default_factory=list)
    raw: list[int] = field(default_factory=list)
    row: list[int] = field(default_factory=list)
    failed: list[tuple[int, int, Violation]] = field(default_factory=list)

    def add(self, raw: int, row: int, decoded: dict[str, object] | Violation) -> None:
        """Take up one record, or the reason why there is none."""
        if isinstance(decoded, Violation):
            self.failed.append((raw, row, decoded))
        else:
            self.values.append(decoded)
            self.raw.append(raw)
            self.row.append(row)


def decode(source: Source, raw: pl.DataFrame, max_payload_bytes: int) -> Records:
    """The records of raw rows.

    Args:
        source: The source that the rows came from.
        raw: Raw rows; `payload` is read.
        max_payload_bytes: A larger message is not read. Files have limits of their own.
    """
    records = Records()
    payloads: Iterable[bytes | None] = raw["payload"]
    if isinstance(source.ingest, StreamIngest):
        exact = exact_fields(source.contract)
        for number, payload in enumerate(payloads):
            records.add(number, 0, decode_one(payload, exact, max_payload_bytes))
        return records
    needed = tuple(f.physical_name for f in source.contract.fields)
    for number, payload in enumerate(payloads):
        row = 0
        try:
            for row, record in enumerate(read_records(payload or b"", source.ingest, needed)):
                records.add(number, row, record)
        except UnreadableFileError as error:
            _drop(records, number)
            records.failed.append((number, 0, error.violation))
    return records


def decode_one(payload: bytes | None, exact: tuple[str, ...], max_payload_bytes: int) -> dict[str, object] | Violation:
    """The fields of one message, or what is wrong with it as a whole."""
    if payload is None:
        return Violation(None, "payload", None, "the message has no payload")
    if len(payload) > max_payload_bytes:
        size = f"the message has {len(payload):,} bytes, more than the {max_payload_bytes:,} that are read"
        return Violation(None, "size", None, size)
    return decode_message(payload, exact)


def exact_fields(contract: Contract) -> tuple[str, ...]:
    """Fields, by the producer's name, whose numbers are needed to the last digit."""
    return tuple(f.physical_name for f in contract.fields if f.type in {"integer", "decimal"})


def _drop(records: Records, raw: int) -> None:
    """Forget the records of a file that turned out to be unreadable further on."""
    kept = next((i for i, r in enumerate(records.raw) if r == raw), len(records.raw))
    del records.values[kept:], records.raw[kept:], records.row[kept:]
    records.failed = [f for f in records.failed if f[0] != raw]
