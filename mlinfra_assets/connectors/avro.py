"""Avro messages: a schema becomes a reader, a reader turns bytes into the fields of a record.

Records and maps become mappings, lists lists, enumerations the name, unions the value of the branch that was written.
Bytes and fixed become base64, logical types what they stand for (`avro_values`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import isfinite
from typing import cast

import orjson

from mlinfra_assets.connectors.avro_bytes import AvroBytes, AvroError
from mlinfra_assets.connectors.avro_values import meaning
from mlinfra_assets.connectors.written_schema import WrittenSchema
from mlinfra_assets.contracts.violation import Violation, shown

Reader = Callable[[AvroBytes], object]
PRIMITIVES: dict[str, Reader] = {
    "null": lambda _: None,
    "boolean": AvroBytes.boolean,
    "int": AvroBytes.whole,
    "long": AvroBytes.long,
    "float": lambda source: _plain(source, source.single()),
    "double": lambda source: _plain(source, source.double()),
    "bytes": AvroBytes.blob,
    "string": AvroBytes.text,
}


def decode_avro(schema: WrittenSchema, body: bytes) -> dict[str, object] | Violation:
    """The fields of a message, or what is wrong with it as a whole."""
    reader = _reader(schema)
    if isinstance(reader, Violation):
        return reader
    source = AvroBytes(body)
    try:
        record = reader(source)
    except AvroError as error:
        return Violation(None, error.rule, shown(body[:40].hex(" ")), f"not what its Avro schema says: {error}")
    if source.at < len(body):
        left = len(body) - source.at
        return Violation(None, "Avro", shown(body[-40:].hex(" ")), f"{left:,} bytes are left behind the record")
    if not isinstance(record, dict):
        return Violation(None, "object", shown(record), "its Avro schema is not that of a record")
    return record


@lru_cache(maxsize=1024)
def _reader(schema: WrittenSchema) -> Reader | Violation:
    names = _Names()
    try:
        for reference in schema.references:
            names.reader(_parsed(reference.text), "")
        return names.reader(_parsed(schema.text), "")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        return Violation(None, "schema", shown(schema.text), f"the message's Avro schema cannot be used: {error}")


def _parsed(text: str) -> object:
    """A schema's JSON; a primitive type may stand there without quotes."""
    return text if text in PRIMITIVES else orjson.loads(text)


class _Names:
    """The named types of a schema: a reader each, which may be asked for before it is made."""

    def __init__(self) -> None:
        self._readers: dict[str, Reader] = {}

    def reader(self, schema: object, space: str) -> Reader:
        if isinstance(schema, str):
            return _meant(PRIMITIVES[schema], {"type": schema}) if schema in PRIMITIVES else self._named(schema, space)
        if isinstance(schema, list):
            return _union([self.reader(branch, space) for branch in schema])
        if not isinstance(schema, dict):
            raise TypeError(f"{schema!r} is no schema")
        described = cast("dict[str, object]", schema)
        kind = described["type"]
        if not isinstance(kind, str):
            return self.reader(kind, space)
        if kind == "array":
            return _array(self.reader(described["items"], space))
        if kind == "map":
            return _map(self.reader(described["values"], space))
        if kind in {"record", "error", "enum", "fixed"}:
            return self._declared(kind, described, space)
        return _meant(PRIMITIVES[kind], described) if kind in PRIMITIVES else self._named(kind, space)

    def _named(self, name: str, space: str) -> Reader:
        full = name if "." in name or not space else f"{space}.{name}"
        key = full if full in self._readers else name
        if key not in self._readers:
            raise ValueError(f"the type {name!r} is not declared")
        readers = self._readers

        def read(source: AvroBytes) -> object:
            return readers[key](source)  # looked up late: a type may be used before its declaration is complete

        return read

    def _declared(self, kind: str, schema: Mapping[str, object], space: str) -> Reader:
        name = str(schema["name"])
        inner = name.rpartition(".")[0] if "." in name else str(schema.get("namespace", space))
        full = name if "." in name or not inner else f"{inner}.{name}"
        if full in self._readers:
            raise ValueError(f"the type {full!r} is declared twice")
        self._readers[full] = _unfinished
        if kind == "enum":
            made = _enum([str(symbol) for symbol in cast("Sequence[object]", schema["symbols"])])
        elif kind == "fixed":
            made = _meant(_fixed(schema["size"]), schema)
        else:
            fields = cast("Sequence[Mapping[str, object]]", schema["fields"])
            made = _record([(str(f["name"]), self.reader(f["type"], inner)) for f in fields])
        self._readers[full] = made
        return made


def _unfinished(_: AvroBytes) -> object:
    raise AvroError("its schema is not complete")


def _plain(source: AvroBytes, number: float) -> object:
    """A number; within a value that is kept as JSON, which has no NaN and no infinities, their names."""
    if source.depth > 1 and not isfinite(number):
        return "NaN" if number != number else "Infinity" if number > 0 else "-Infinity"
    return number


def _meant(reader: Reader, schema: Mapping[str, object]) -> Reader:
    means = meaning(schema)
    return reader if means is None else lambda source: means(reader(source))


def _fixed(size: object) -> Reader:
    if not isinstance(size, int) or size < 0:
        raise ValueError(f"a fixed of the size {size!r}")
    return lambda source: source.take(size)


def _enum(symbols: Sequence[str]) -> Reader:
    def read(source: AvroBytes) -> str:
        number = source.whole()
        if not 0 <= number < len(symbols):
            raise AvroError(f"{number} is the number of none of {len(symbols)} symbols")
        return symbols[number]

    return read


def _union(branches: Sequence[Reader]) -> Reader:
    def read(source: AvroBytes) -> object:
        number = source.long()
        if not 0 <= number < len(branches):
            raise AvroError(f"{number} is the number of none of {len(branches)} branches")
        return branches[number](source)

    return read


def _record(fields: Sequence[tuple[str, Reader]]) -> Reader:
    count = len(fields)

    def read(source: AvroBytes) -> dict[str, object]:
        source.enter()
        source.spend(count)
        record = {name: reader(source) for name, reader in fields}
        source.depth -= 1
        return record

    return read


def _blocks(source: AvroBytes) -> int:
    """How many items the next block of a list or map has."""
    count = source.long()
    if count < 0:
        count = -count
        if source.long() < 0:
            raise AvroError("a block of less than no bytes")
    source.spend(count)
    return count


def _array(item: Reader) -> Reader:
    def read(source: AvroBytes) -> list[object]:
        source.enter()
        items: list[object] = []
        while count := _blocks(source):
            items += [item(source) for _ in range(count)]
        source.depth -= 1
        return items

    return read


def _map(value: Reader) -> Reader:
    def read(source: AvroBytes) -> dict[str, object]:
        source.enter()
        entries: dict[str, object] = {}
        while count := _blocks(source):
            for _ in range(count):
                key = source.text()
                entries[key] = value(source)
        source.depth -= 1
        return entries

    return read
