"""Rows as `COPY` writes them in its text format: lines to records whose values the contract can read."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal

import orjson

from mlinfra_assets.connectors.postgres_values import decimal_text, interval_text, timestamp_text, without_zeros
from mlinfra_assets.contracts.contract import Contract, FieldType

Reader = Callable[[str], object]
ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
ESCAPED = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v"}
NULL = b"\\N"


def read_rows(payload: bytes, headers: Mapping[str, bytes], contract: Contract) -> Iterator[dict[str, object]]:
    """The rows of a chunk, by the columns' names, each with what the snapshot says of itself.

    Args:
        payload: The chunk: one line a row.
        headers: The chunk's headers: its columns and their types, and when it was taken.
        contract: Says of which kind each field is.
    """
    kinds: dict[str, FieldType] = {f.physical_name: f.type for f in contract.fields}
    columns = [(c["name"], _reader(c["type"], kinds.get(c["name"]))) for c in orjson.loads(headers["snapshot.columns"])]
    taken = {
        "snapshot:day": headers["snapshot.day"].decode(),
        "snapshot:at": timestamp_text(headers["snapshot.at"].decode()),
        "snapshot:lsn": int(headers["snapshot.lsn"]),
    }
    for line in payload.split(b"\n")[:-1]:
        cells = line.split(b"\t")
        record = {
            name: None if cell == NULL else read(_text(cell)) for (name, read), cell in zip(columns, cells, strict=True)
        }
        yield record | taken


def _text(cell: bytes) -> str:
    return (ESCAPE.sub(lambda m: ESCAPED.get(m[1], m[1]), cell) if b"\\" in cell else cell).decode()


def _reader(kind: str, wanted: FieldType | None) -> Reader:
    """How the text of a type is read."""
    if kind.endswith("[]"):
        element = _element(kind.rstrip("[]"))
        return lambda text: _each(json.loads(text, parse_float=Decimal), element)
    if kind == "boolean" or (kind == "bit" and wanted == "boolean"):
        return lambda text: text in {"t", "1"}
    if kind in {"json", "jsonb"} and wanted in {"object", "array"}:
        return json.loads
    return _text_reader(kind)


def _text_reader(kind: str) -> Reader:
    if kind.startswith("timestamp") or kind == "date":
        return timestamp_text
    if kind.startswith("time "):
        return lambda text: without_zeros(text.removesuffix("+00") + ("Z" if text.endswith("+00") else ""))
    return interval_text if kind == "interval" else _same


def _element(kind: str) -> Callable[[object], object]:
    """How an element of an array is written; numbers of any size stay as they are, as text."""
    if kind in {"numeric", "money"}:
        return lambda value: decimal_text(Decimal(str(value))) if isinstance(value, int | Decimal) else value
    if kind in {"real", "double precision"}:
        return lambda value: float(value) if isinstance(value, int | Decimal) else value
    if kind in {"json", "jsonb"}:
        return lambda value: value
    read = _text_reader(kind)
    return lambda value: read(value) if isinstance(value, str) else value


def _each(value: object, element: Callable[[object], object]) -> object:
    if isinstance(value, list):
        return [_each(one, element) for one in value]
    return None if value is None else element(value)


def _same(text: str) -> str:
    return text
