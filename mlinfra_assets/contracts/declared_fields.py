"""The fields of a declaration: ODCS properties, their logical types and options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import cast

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import DECIMAL_DIGITS, Field, FieldType
from mlinfra_assets.contracts.document import Value
from mlinfra_assets.contracts.schema import limits_cross
from mlinfra_assets.contracts.time_format import compile_format

LOGICAL = ("string", "integer", "number", "boolean", "timestamp", "date", "object", "array")
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
    "array": (),
}
CUSTOM = ("emptyIsNull", "allowNonFinite", "unit", "deletes")
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
    custom = _custom(entry["customProperties"]) if "customProperties" in entry else {}
    allowed = _allowed(entry["quality"]) if "quality" in entry else {}
    pattern = options.get("pattern", allowed.get("pattern"))
    field = Field(
        name=name,
        physical_name=entry["physicalName"].text() if "physicalName" in entry else name,
        type=kind,
        scale=scale,
        required="required" in entry and entry["required"].boolean(),
        unique="unique" in entry and entry["unique"].boolean(),
        pattern=None if pattern is None else check_pattern(pattern),
        minimum=check_limit(options["minimum"], kind) if "minimum" in options else None,
        maximum=check_limit(options["maximum"], kind) if "maximum" in options else None,
        min_length=options["minLength"].whole() if "minLength" in options else None,
        max_length=options["maxLength"].whole() if "maxLength" in options else None,
        description=" ".join(entry["description"].text().split()),
        classification=entry["classification"].text() if "classification" in entry else None,
        format=_format(options["format"], kind) if "format" in options else None,
        empty_is_null="emptyIsNull" in custom and custom["emptyIsNull"].boolean(),
        non_finite="allowNonFinite" in custom and custom["allowNonFinite"].boolean(),
        unit=custom["unit"].text() if "unit" in custom else None,
        enum=_valid_values(allowed["validValues"]) if "validValues" in allowed else (),
    )
    _check_limits(element, field)
    if "pattern" in options and "pattern" in allowed:
        allowed["pattern"].fail("the field has a pattern already (logicalTypeOptions): remove one of the two")
    if field.non_finite and field.type != "number":
        custom["allowNonFinite"].fail(f"only a number can be NaN or infinite, not a {field.type}: remove it")
    if field.unit is not None and field.type not in {"integer", "number", "decimal"}:
        custom["unit"].fail(f"only numbers have a unit, not a {field.type}: remove it")
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
    if field.pattern is not None and field.type != "string":
        element.fail(f"a pattern is for fields of text, not for a {field.type}: remove it")
    if field.enum and field.type not in {"string", "integer"}:
        element.fail(f"validValues are for fields of text or whole numbers, not for a {field.type}")


def _format(value: Value, kind: FieldType) -> str:
    text = value.text()
    try:
        compile_format(text, with_time=kind == "timestamp")
    except ValueError as error:
        value.fail(str(error))
    return text


def declared_deletes(properties: Value, fields: tuple[Field, ...]) -> str | None:
    """The boolean field that takes the record of its primary key away; None: nothing is deleted.

    Raises:
        DeclarationError: There are several, or it is not boolean.
    """
    found: str | None = None
    for element, field in zip(properties.elements(), fields, strict=True):
        entry = dict(element.items())
        custom = _custom(entry["customProperties"]) if "customProperties" in entry else {}
        if "deletes" not in custom or not custom["deletes"].boolean():
            continue
        if field.type != "boolean" or found is not None:
            element.fail("deletes is for one boolean field: a record where it is true takes the earlier ones away")
        found = field.name
    return found


def _custom(value: Value) -> dict[str, Value]:
    """The custom properties of a field by name."""
    found: dict[str, Value] = {}
    for element in value.elements():
        entry = element.entries(("property", "value", "description"))
        for key in ("property", "value"):
            if key not in entry:
                element.fail(f"{key} is missing: add it")
        found[entry["property"].choice(CUSTOM)] = entry["value"]
    return found


def _allowed(quality: Value) -> dict[str, Value]:
    """Arguments of a rule `metric: invalidValues` with `mustBe: 0`: `validValues`, `pattern`."""
    for element in quality.elements():
        entry = dict(element.items())
        if is_field_rule(entry):
            arguments = entry["arguments"].entries(("validValues", "pattern"))
            if not arguments:
                entry["arguments"].fail("is empty: list the values that are allowed, or give their pattern")
            if "mustBe" not in entry or entry["mustBe"].scalar() != 0:
                element.fail("a record with another value is quarantined: write mustBe: 0")
            return arguments
    return {}


def is_field_rule(entry: Mapping[str, Value]) -> bool:
    """Whether a quality entry of a property says which values are allowed, and so speaks of each record."""
    return "metric" in entry and entry["metric"].scalar() == "invalidValues" and "arguments" in entry


def _valid_values(values: Value) -> tuple[str, ...]:
    found = tuple(v.source_text() for v in values.elements())
    if not found:
        values.fail("is empty: no value would be allowed")
    return found
