"""Raw rows to typed records: the plain ones of a batch all at once, the others one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from mlinfra_assets.connectors.debezium import ASIDE
from mlinfra_assets.connectors.decode import NO_SCHEMAS, Records, decode, exact_fields
from mlinfra_assets.connectors.json_lines import decode_message, to_text
from mlinfra_assets.connectors.nested import value_of
from mlinfra_assets.connectors.wire_format import bodies
from mlinfra_assets.connectors.written_schema import Schemas
from mlinfra_assets.contracts.columns import typed_column
from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.contracts.plain_records import LEAST_RECORDS, PlainRecords, plain_records
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.contracts.verdicts import Broken
from mlinfra_assets.contracts.violation import Violation

MAX_UNKNOWN_FIELDS = 50
OTHERS = "(others)"


@dataclass(frozen=True)
class TypedRecords:
    """Typed records in the order of their raw rows, and what could not be typed or read at all.

    Attributes:
        values: Typed records, `Contract.value_schema()`; null where a value is wrong.
        raw: For each record, the number of its raw row, int64[n].
        row: For each record, its number within its payload, int64[n].
        broken: What is wrong with values, by number of the record.
        failed: (raw row, record number, what is wrong) of what holds no record.
        ambiguous: Local times that a clock change makes ambiguous or non-existent.
        unknown_fields: How many records have a field that the contract does not name, by its name.
        written: Records that were read one by one, by number.
        payloads: The JSON objects in the raw rows that were read all at once.
        exact: Fields, by the producer's name, whose numbers are needed to the last digit.
    """

    values: pl.DataFrame
    raw: np.ndarray
    row: np.ndarray
    broken: Broken
    failed: list[tuple[int, int, Violation]]
    ambiguous: int
    unknown_fields: dict[str, int]
    written: dict[int, dict[str, object]]
    payloads: pl.Series
    exact: tuple[str, ...]

    def text(self, number: int) -> str:
        """A record as JSON text."""
        record = self.written.get(number)
        if record is None:
            record = decode_message(self.payloads[int(self.raw[number])], self.exact)
        return "" if isinstance(record, Violation) else to_text(record)


def typed_records(
    source: Source, rows: pl.DataFrame, max_payload_bytes: int, schemas: Schemas = NO_SCHEMAS
) -> TypedRecords:
    """Decode and type raw rows.

    Args:
        source: The contract, and how payloads are written.
        rows: Raw rows; `payload` is read.
        max_payload_bytes: A larger message is not read.
        schemas: The schemas that messages were written with.
    """
    payloads = _objects(source, rows["payload"], max_payload_bytes, schemas)
    if payloads is None or rows.height < LEAST_RECORDS:
        return one_by_one(source.contract, decode(source, rows, max_payload_bytes, schemas), rows)
    plain = plain_records(source.contract, payloads, max_payload_bytes)
    left = np.delete(np.arange(rows.height), plain.numbers)
    records = decode(source, rows[pl.Series(left)], max_payload_bytes, schemas)
    return _joined(source.contract, plain, records, left, payloads)


def _objects(source: Source, payloads: pl.Series, max_payload_bytes: int, schemas: Schemas) -> pl.Series | None:
    """The JSON objects of messages, null where one cannot be found; None: the source's messages are not JSON."""
    if not isinstance(source.ingest, StreamIngest):
        return None
    if source.ingest.format == "json_schema":
        whole = (
            payloads.to_frame("p").select(pl.when(pl.col("p").bin.size() <= max_payload_bytes).then("p")).to_series()
        )
        return bodies(whole, [number for number, schema in schemas.items() if schema.kind == "JSON"])
    return payloads if source.ingest.format == "json" else None


def one_by_one(contract: Contract, records: Records, rows: pl.DataFrame) -> TypedRecords:
    """Type decoded records; their raw rows are `rows`."""
    nothing = PlainRecords(pl.DataFrame(schema=contract.value_schema()))
    return _joined(contract, nothing, records, np.arange(rows.height), pl.Series("payload", [], pl.Binary))


def _joined(
    contract: Contract, plain: PlainRecords, records: Records, left: np.ndarray, payloads: pl.Series
) -> TypedRecords:
    columns = [typed_column(contract, f, _values(records, f.physical_name)) for f in contract.fields]
    values = pl.DataFrame([c.series for c in columns], schema=contract.value_schema())
    raw = left[np.array(records.raw, np.int64)]
    row = np.array(records.row, np.int64)
    places = np.arange(len(raw))
    if len(plain.numbers):
        every = np.concatenate((plain.numbers, raw))
        order = np.argsort(every, kind="stable")
        values = pl.concat([plain.values, values])[pl.Series(order)] if len(raw) else plain.values
        places = np.argsort(order, kind="stable")[len(plain.numbers) :]
        raw, row = every[order], np.concatenate((np.zeros(len(plain.numbers), np.int64), row))[order]
    broken: Broken = {}
    for column in columns:
        for number, violation in column.violations.items():
            broken.setdefault(int(places[number]), []).append(violation)
    return TypedRecords(
        values=values,
        raw=raw,
        row=row,
        broken=broken,
        failed=[(int(left[number]), inside, violation) for number, inside, violation in records.failed],
        ambiguous=sum(c.ambiguous for c in columns),
        unknown_fields=_unknown_fields(contract, plain, records, left),
        written=dict(zip(places.tolist(), records.values, strict=True)),
        payloads=payloads,
        exact=exact_fields(contract),
    )


def _values(records: Records, name: str) -> list[object]:
    if "." in name:
        return [value_of(record, name) for record in records.values]
    return [record.get(name) for record in records.values]


def _unknown_fields(contract: Contract, plain: PlainRecords, records: Records, left: np.ndarray) -> dict[str, int]:
    """By name; of more names than `MAX_UNKNOWN_FIELDS` those that came first."""
    known = {name for f in contract.fields for name in (f.physical_name, f.physical_name.partition(".")[0])} | ASIDE
    counts = Counter({name: len(numbers) for name, numbers in plain.unknown.items()})
    first = {name: int(numbers[0]) for name, numbers in plain.unknown.items()}
    for number, record in zip(records.raw, records.values, strict=True):
        for name in record.keys() - known:
            counts[name] += 1
            first[name] = min(first.get(name, int(left[number])), int(left[number]))
    named = sorted(counts, key=lambda name: (first[name], name))
    shown = _total((name[:100], counts[name]) for name in named[:MAX_UNKNOWN_FIELDS])
    others = sum(counts[name] for name in named[MAX_UNKNOWN_FIELDS:])
    return {**dict(sorted(shown.items())), **({OTHERS: others} if others else {})}


def _total(counts: Iterable[tuple[str, int]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for name, count in counts:
        total[name] += count
    return total
