"""Values as producers write them to values of a field's type: exact, or a violation. Nothing is rounded or guessed."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from math import isfinite
from zoneinfo import ZoneInfo

import orjson

from mlinfra_assets.contracts.contract import DECIMAL_DIGITS, Contract, Field
from mlinfra_assets.contracts.time_format import compile_format, to_utc
from mlinfra_assets.contracts.violation import Violation, shown

Parser = Callable[[object], object]
WHOLE = re.compile(r"-?\d{1,40}(\.0{1,40})?", re.ASCII)
NUMBER = re.compile(r"-?\d{1,40}(\.\d{1,40})?([eE][+-]?\d{1,3})?", re.ASCII)
NON_FINITE = ("NaN", "Infinity", "-Infinity")
LEAST, MOST = -(2**63), 2**63 - 1
YEAR_1, YEAR_10000 = -62_135_596_800_000_000, 253_402_300_800_000_000
DIGITS = Context(prec=200, traps=[InvalidOperation, Inexact])
EXPONENT = 100


def parser(field: Field, contract: Contract, ambiguous: set[object]) -> Parser:
    """What turns one value into the field's type: a value, None, or a `Violation`.

    Timestamps become microseconds since the epoch (UTC).

    Args:
        field: The field.
        contract: Says the zone of local times, and what to do about clock changes.
        ambiguous: Takes up the times that a clock change makes ambiguous or non-existent.
    """
    if field.type == "timestamp":
        typed = _timestamp(field, contract, ambiguous)
    elif field.type == "date":
        typed = _date(field)
    else:
        typed = {
            "string": _string,
            "integer": _integer,
            "decimal": _decimal,
            "number": _number,
            "boolean": _boolean,
            "object": _object,
            "array": _array,
        }[field.type]

    def parse(value: object) -> object:
        if value is None or (value == "" and field.empty_is_null):
            return None
        return typed(field, value)

    return parse


def _string(field: Field, value: object) -> object:
    if not isinstance(value, str):
        return _wrong_kind(field, value, "text")
    if "\x00" in value:
        return Violation(field.name, "NUL", shown(value), "the text holds a NUL character")
    return value


def _integer(field: Field, value: object) -> object:
    number: int | None = None
    if isinstance(value, bool):
        return _wrong_kind(field, value, "a whole number")
    if isinstance(value, int):
        number = value
    elif isinstance(value, float | Decimal):
        if not isfinite(value) or value != (round(value) if abs(value) < 2**64 else value):
            return Violation(field.name, "type", shown(str(value)), "is no whole number")
        number = int(value) if abs(value) < 2**64 else 2**64
    elif isinstance(value, str):
        if not WHOLE.fullmatch(value):
            return Violation(field.name, "type", shown(value), "is no whole number")
        number = int(value.partition(".")[0])
    if number is None:
        return _wrong_kind(field, value, "a whole number")
    if not LEAST <= number <= MOST:
        return Violation(field.name, "range", shown(str(value)), "does not fit into 64 bits")
    return number


def _decimal(field: Field, value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return _wrong_kind(field, value, "a decimal number")
    text = repr(value) if isinstance(value, float) else str(value)
    if isinstance(value, str) and not NUMBER.fullmatch(value):
        return Violation(field.name, "type", shown(value), "is no decimal number")
    number = Decimal(text)
    if not number.is_finite():
        return Violation(field.name, "type", shown(text), "is not finite")
    scale = field.scale or 0
    if number and number.adjusted() >= DECIMAL_DIGITS - scale:
        message = f"has more than {DECIMAL_DIGITS - scale} digits before the point"
        return Violation(field.name, "range", shown(text), message)
    if len(number.as_tuple().digits) > EXPONENT or number.adjusted() < -EXPONENT:
        return Violation(field.name, "scale", shown(text), f"has more than {scale} digits after the point")
    try:
        return DIGITS.quantize(number, Decimal(1).scaleb(-scale)) + 0
    except Inexact:
        return Violation(field.name, "scale", shown(text), f"has more than {scale} digits after the point")


def _number(field: Field, value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        return _wrong_kind(field, value, "a number")
    if field.non_finite and (value in NON_FINITE if isinstance(value, str) else not _finite(value)):
        return float(value)
    if isinstance(value, str) and not NUMBER.fullmatch(value):
        return Violation(field.name, "type", shown(value), "is no finite number")
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not isfinite(number):
        return Violation(field.name, "type", shown(str(value)), "is no finite number")
    if isinstance(value, int) and int(number) != value:
        return Violation(field.name, "range", shown(str(value)), "is a whole number that a double does not hold")
    return number


def _finite(number: float | Decimal) -> bool:
    """Whether a number is neither NaN nor infinite; a whole number never is, however large."""
    return isinstance(number, int) or isfinite(number)


def _boolean(field: Field, value: object) -> object:
    if isinstance(value, bool):
        return value
    if value == "true" or value == "false":
        return value == "true"
    return _wrong_kind(field, value, "true or false")


def _object(field: Field, value: object) -> object:
    return _canonical(field, value) if isinstance(value, dict) else _wrong_kind(field, value, "a JSON object")


def _array(field: Field, value: object) -> object:
    return _canonical(field, value) if isinstance(value, list) else _wrong_kind(field, value, "a list")


def _canonical(field: Field, value: object) -> object:
    """JSON text with sorted keys; decimals, which JSON would not keep, as text."""
    try:
        return orjson.dumps(value, default=str, option=orjson.OPT_SORT_KEYS).decode()
    except TypeError as error:
        return Violation(field.name, "type", shown(value), f"cannot be kept as JSON: {error}")


def _timestamp(field: Field, contract: Contract, ambiguous: set[object]) -> Callable[[Field, object], object]:
    read = compile_format(field.format, with_time=True)
    zone = ZoneInfo(contract.timezone)

    def parse(field: Field, value: object) -> object:
        if not isinstance(value, str | datetime):
            return _wrong_kind(field, value, "a time as text")
        try:
            instant = to_utc(value if isinstance(value, datetime) else read(value), zone, contract.ambiguous)
        except (ValueError, OverflowError) as error:
            return Violation(field.name, "format", shown(str(value)), f"is no time: {error}")
        if not YEAR_1 <= instant.micros < YEAR_10000:
            return Violation(field.name, "range", shown(str(value)), "is outside of the years 1 to 9999 in UTC")
        if instant.ambiguous:
            ambiguous.add(value)
        return instant.micros

    return parse


def _date(field: Field) -> Callable[[Field, object], object]:
    read = compile_format(field.format, with_time=False)

    def parse(field: Field, value: object) -> object:
        if not isinstance(value, str | date) or isinstance(value, datetime):
            return _wrong_kind(field, value, "a date as text")
        try:
            day = read(value).date() if isinstance(value, str) else value
        except ValueError as error:
            return Violation(field.name, "format", shown(value), f"is no date: {error}")
        if not 1 < day.year < 9999:
            return Violation(field.name, "range", shown(str(value)), "is outside of the years 2 to 9998")
        return day

    return parse


def start_of_day(day: date, contract: Contract) -> int:
    """The first moment of a day in the contract's zone: microseconds since the epoch (UTC)."""
    at = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - a local time, on its way to UTC
    return to_utc(at, ZoneInfo(contract.timezone), "earlier").micros


def _wrong_kind(field: Field, value: object, expected: str) -> Violation:
    kinds = {bool: "a boolean", int: "a number", float: "a number", Decimal: "a number", str: "a text"}
    kinds |= {datetime: "a time", date: "a date"}
    kind = kinds.get(type(value), "an object" if isinstance(value, dict) else "a list")
    return Violation(field.name, "type", shown(value), f"expected {expected}, found {kind}")
