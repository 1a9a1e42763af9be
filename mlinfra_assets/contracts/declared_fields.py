"""The fields of a declaration: ODCS properties, their logical types and options."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import cast

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import DECIMAL_DIGITS, Field, FieldType
from mlinfra_assets.contracts.document import Value
from mlinfra_assets.contracts.schema import limits_cross
from mlinfra_assets.contracts.time_format import compile_format

LOGICAL = ("string", "integer", "number", "boolean", "timestamp", "date", "object")
DECIMAL = re.compile(r"decimal\(\s*(\d+)\s*,\s*(\d+)\s*\)", re.IGNORECASE)
PROPERTY = (
    *("name", "physicalName", "logicalType", "physicalType", "logicalTypeOptions", "required", "unique"),
    *("primaryKey", "primaryKeyPosition", "description", "businessName", "classification", "criticalDataElement"),
    *("examples", "tags", "quality", "customProperties"),
)
OPTIONS: dict[str, tuple[str, ...]] = {
    "string": ("minLength", "maxLength", "pattern"),
    "integer": ("minimum", "maximum"),
    "number": ("minimum", "maximum"),
    "boolean": (),
    "timestamp": ("format", "timezone", "defaultTimezone", "minimum", "maximum"),
    "date": ("format", "minimum", "maximum"),
    "object": (),
}
COLUMN = re.compile(r"[a-z][a-z0-9_]{0,63}")


def declared_fields(properties: Value) -> tuple[Field, ...]:
    """The fields, in order.

    Raises:
        DeclarationError: A field cannot be accepted.
    """
    elements = properties.elements()
    if not elements:
        properties.fail("is empty: a record needs at least one field")
    return tuple(_field(element) for element in elements)


def declared_time_zone(properties: Value) -> Value | None:
    """Where the fields say which zone their times are written in; None: nowhere.

    Raises:
        DeclarationError: Two fields name different zones.
    """
    zone: Value | None = None
    for element in properties.elements():
        options = dict(element.items()).get("logicalTypeOptions")
        found = None if options is None else dict(options.items()).get("defaultTimezone")
        if found is not None and zone is not None and found.text() != zone.text():
            found.fail(f"{found.text()!r}, but line {zone.line} says {zone.text()!r}: a contract has one time zone")
        zone = zone or found
    return zone


def _field(element: Value) -> Field:
    entry = element.entries(PROPERTY)
    for key in ("name", "logicalType", "description"):
        if key not in entry:
            element.fail(f"{key} is missing: add it")
    name = entry["name"].text()
    if not COLUMN.fullmatch(name) or name in names.COORDINATES:
        entry["name"].fail(f"{name!r} cannot name a column: use lower-case letters, digits and underscores")
    logical = entry["logicalType"].choice(LOGICAL)
    kind, scale = _type(logical, entry.get("physicalType"))
    options = entry["logicalTypeOptions"].entries(OPTIONS[logical]) if "logicalTypeOptions" in entry else {}
    field = Field(
        name=name,
        physical_name=entry["physicalName"].text() if "physicalName" in entry else name,
        type=kind,
        scale=scale,
        required="required" in entry and entry["required"].boolean(),
        unique="unique" in entry and entry["unique"].boolean(),
        pattern=check_pattern(options["pattern"]) if "pattern" in options else None,
        minimum=check_limit(options["minimum"], kind) if "minimum" in options else None,
        maximum=check_limit(options["maximum"], kind) if "maximum" in options else None,
        min_length=options["minLength"].whole() if "minLength" in options else None,
        max_length=options["maxLength"].whole() if "maxLength" in options else None,
        description=" ".join(entry["description"].text().split()),
        classification=entry["classification"].text() if "classification" in entry else None,
        format=_format(options["format"], kind) if "format" in options else None,
        empty_is_null=_empty_is_null(entry["customProperties"]) if "customProperties" in entry else False,
        enum=_allowed(entry["quality"]) if "quality" in entry else (),
    )
    _check_limits(element, field)
    if "timezone" in options and options["timezone"].boolean() and "defaultTimezone" in options:
        options["defaultTimezone"].fail("the times carry their own zone (timezone: true): remove one of the two")
    return field


def _type(logical: str, physical: Value | None) -> tuple[FieldType, int | None]:
    match = None if physical is None else DECIMAL.fullmatch(physical.text())
    if match is None:
        return cast("FieldType", logical), None
    assert physical is not None  # noqa: S101 - a match has a text
    if logical != "number":
        physical.fail(f"a decimal is a number, but logicalType is {logical}: change one of the two")
    digits, scale = int(match[1]), int(match[2])
    if digits != DECIMAL_DIGITS or scale > DECIMAL_DIGITS:
        physical.fail(f"decimals are kept with {DECIMAL_DIGITS} digits: write decimal({DECIMAL_DIGITS},{scale})")
    return "decimal", scale


def check_pattern(value: Value) -> str:
    """A regular expression.

    Raises:
        DeclarationError: It is none.
    """
    pattern = value.text()
    try:
        pl.Series([""]).str.contains(pattern, strict=True)
    except pl.exceptions.PolarsError as error:
        value.fail(f"not a regular expression (RE2 syntax, no look-around): {str(error).splitlines()[0]}")
    return pattern


def check_limit(value: Value, kind: FieldType) -> str:
    """A minimum or maximum for a field of this type, as text.

    Raises:
        DeclarationError: It is no value of that type.
    """
    text = value.source_text()
    try:
        if kind == "date":
            return date.fromisoformat(text).isoformat()
        if kind == "timestamp":
            at = datetime.fromisoformat(text)
            if at.tzinfo is None:
                value.fail(f"{text!r} has no zone: write it in UTC, such as 2010-01-01T00:00:00Z")
            return at.isoformat()
        number = Decimal(text)
    except (ValueError, InvalidOperation):
        value.fail(f"{text!r} is not a {kind}")
    if not number.is_finite() or (kind == "integer" and number != int(number)):
        value.fail(f"{text!r} is not a {kind}")
    return text


def _check_limits(element: Value, field: Field) -> None:
    if field.min_length is not None and field.max_length is not None and field.min_length > field.max_length:
        element.fail("minLength is larger than maxLength: no text can keep both")
    if limits_cross(field):
        element.fail("minimum is larger than maximum: no value can keep both")
    if field.enum and field.type not in {"string", "integer"}:
        element.fail(f"validValues are for fields of text or whole numbers, not for a {field.type}")


def _format(value: Value, kind: FieldType) -> str:
    text = value.text()
    try:
        compile_format(text, with_time=kind == "timestamp")
    except ValueError as error:
        value.fail(str(error))
    return text


def _empty_is_null(value: Value) -> bool:
    empty = False
    for element in value.elements():
        entry = element.entries(("property", "value", "description"))
        for key in ("property", "value"):
            if key not in entry:
                element.fail(f"{key} is missing: add it")
        entry["property"].choice(("emptyIsNull",))
        empty = entry["value"].boolean()
    return empty


def _allowed(quality: Value) -> tuple[str, ...]:
    """Values of a rule `metric: invalidValues` with `arguments.validValues` and `mustBe: 0`."""
    for element in quality.elements():
        entry = dict(element.items())
        if "metric" in entry and entry["metric"].scalar() == "invalidValues":
            arguments = entry.get("arguments")
            values = None if arguments is None else arguments.entries(("validValues",)).get("validValues")
            if values is None:
                element.fail("arguments.validValues is missing: list the values that are allowed")
            if "mustBe" not in entry or entry["mustBe"].scalar() != 0:
                element.fail("a record with another value is quarantined: write mustBe: 0")
            found = tuple(v.source_text() for v in values.elements())
            if not found:
                values.fail("is empty: no value would be allowed")
            return found
    return ()
