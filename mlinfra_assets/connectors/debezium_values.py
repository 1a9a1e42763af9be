"""How a value in Debezium's envelope is read: the schema that comes with it says what it stands for."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Mapping
from decimal import Decimal

import numpy as np

from mlinfra_assets.connectors.postgres_values import (
    decimal_text,
    interval_text,
    time_text,
    timestamp_text,
    without_zeros,
)
from mlinfra_assets.contracts.contract import FieldType
from mlinfra_assets.contracts.violation import Violation, shown

Reader = Callable[[object], object]
UNAVAILABLE = "__debezium_unavailable_value"
UNAVAILABLE_BYTES = "X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="
INFINITIES = {9223372036825200000: "infinity", -9223372036832400000: "-infinity"}
FIRST_DAY, LAST_DAY = -2_440_588, 2_145_031_948
"""The days that Postgres has, counted from 1970: Debezium's integers beyond them are its infinities, overflown."""
MILLIS_A_DAY, ANY_LENGTH = 86_400_000, 2_147_483_647
LOSSY = {
    "io.debezium.time.MicroDuration": "an interval as a number loses months: set interval.handling.mode=string",
    "org.apache.kafka.connect.data.Timestamp": "milliseconds lose microseconds: set time.precision.mode=adaptive",
    "org.apache.kafka.connect.data.Time": "milliseconds lose microseconds: set time.precision.mode=adaptive",
}
LOSSY_REASON = "lossy"


def reader(schema: Mapping[str, object], wanted: FieldType) -> Reader:
    """What turns a value of this schema into one that the contract's field can be read from.

    Args:
        schema: Kafka Connect's schema of the value, as its JSON converter writes it.
        wanted: What the contract's field holds.

    Returns:
        A function of one value that is not null: a value as plain JSON has it, or a `Violation` without a field.
    """
    name, kind = schema.get("name"), schema.get("type")
    if isinstance(name, str) and name in LOSSY:
        return lambda value: Violation(None, LOSSY_REASON, shown(value), LOSSY[name])
    if isinstance(name, str) and (named := _named(name, schema, wanted)) is not None:
        return named
    if kind == "array" and isinstance(items := schema.get("items"), dict):
        return _array(reader(items, "object"))
    return _bytes if kind == "bytes" else _same


def is_unavailable(value: object) -> bool:
    """Whether a value stands for one that the database did not send, because it is stored out of line and unchanged."""
    if isinstance(value, list):
        return len(value) == 1 and is_unavailable(value[0])
    return value in (UNAVAILABLE, UNAVAILABLE_BYTES)


def _named(name: str, schema: Mapping[str, object], wanted: FieldType) -> Reader | None:
    parameters = schema.get("parameters")
    said: Mapping[str, str] = parameters if isinstance(parameters, dict) else {}
    short = name.removeprefix("io.debezium.").removeprefix("org.apache.kafka.connect.")
    if short == "data.Decimal":
        scale = int(said["scale"])
        return lambda value: _decimal(value, scale)
    if short == "data.Json" and wanted in {"object", "array"}:
        return lambda value: json.loads(str(value))
    if short == "data.Bits":
        length = int(said.get("length", 0))
        return lambda value: _bits(value, length)
    return READERS.get(short)


def _array(element: Reader) -> Reader:
    def read(value: object) -> object:
        if not isinstance(value, list):
            return value
        return [None if one is None else element(one) for one in value]

    return read


def _decimal(value: object, scale: int) -> object:
    """A whole number as bytes, the highest first, over 10 ** scale."""
    unscaled = int.from_bytes(b64decode(str(value)), "big", signed=True)
    return decimal_text(Decimal((0 if unscaled >= 0 else 1, tuple(map(int, str(abs(unscaled)))), -scale)))


def _variable_decimal(value: object) -> object:
    return _decimal(value["value"], int(value["scale"])) if isinstance(value, dict) else value


def _bytes(value: object) -> object:
    return "\\x" + b64decode(str(value)).hex()


def _bits(value: object, length: int) -> object:
    """Bits, which come with the lowest byte first. Of `bit varying` Debezium does not say how many zeros lead."""
    number = int.from_bytes(b64decode(str(value)), "little")
    return f"{number:0{length}b}" if length != ANY_LENGTH else f"{number:b}"


def _date(value: object) -> object:
    days = int(str(value))
    if not FIRST_DAY <= days <= LAST_DAY:
        return Violation(None, LOSSY_REASON, str(days), "is no day: Debezium does not carry infinite dates")
    return _text(np.datetime64(days, "D"))


def _micros(value: object) -> object:
    micros = int(str(value))
    return INFINITIES.get(micros) or timestamp_text(_text(np.datetime64(micros, "us")))


def _text(time: np.datetime64) -> str:
    """ISO 8601, with years of four digits before the year 0 too."""
    text = str(time)
    if not text.startswith("-"):
        return text
    year, _, rest = text[1:].partition("-")
    return f"-{int(year):04}-{rest}"


def _zoned(value: object) -> object:
    return timestamp_text(str(value).removeprefix("+"))


def _point(value: object) -> object:
    return f"({_short(value['x'])},{_short(value['y'])})" if isinstance(value, dict) else value


def _short(number: float) -> str:
    return repr(float(number)).removesuffix(".0")


def _same(value: object) -> object:
    return value


READERS: Mapping[str, Reader] = {
    "data.VariableScaleDecimal": _variable_decimal,
    "data.geometry.Point": _point,
    "time.Date": _date,
    "time.Timestamp": lambda value: _micros(int(str(value)) * 1000),
    "time.MicroTimestamp": _micros,
    "time.NanoTimestamp": lambda value: _micros(int(str(value)) // 1000),
    "time.ZonedTimestamp": _zoned,
    "time.IsoTimestamp": _zoned,
    "time.Time": lambda value: time_text(int(str(value)) * 1000),
    "time.MicroTime": lambda value: time_text(int(str(value))),
    "time.NanoTime": lambda value: time_text(int(str(value)) // 1000),
    "time.ZonedTime": lambda value: without_zeros(str(value)),
    "time.IsoTime": lambda value: without_zeros(str(value).removesuffix("Z")),
    "time.IsoDate": lambda value: str(value).removesuffix("Z"),
    "time.Interval": lambda value: interval_text(str(value)),
}
