"""Whether every value that one field accepts is read by another: what is looked at, one rule at a time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import polars as pl

from mlinfra_assets.contracts.contract import DECIMAL_DIGITS, Field
from mlinfra_assets.contracts.schema import Limit, typed_limit

EXACT_IN_A_DOUBLE = 2**53
WHOLE = re.compile(r"-?\d+", re.ASCII)
Found = Iterator[tuple[str, str]]


def unreadable_values(reader: Field, writer: Field) -> Found:
    """What differs (`type`, `range`, ...), and why values that `writer` accepts are refused or read otherwise.

    Args:
        reader: The field as it reads.
        writer: The field of the same name, also the producer's, as it was when the values were written.
    """
    if (why := _other_type(reader, writer)) is not None:
        yield why
        return
    checks: tuple[Callable[[Field, Field], Found], ...] = (
        *(_required, _empty, _non_finite, _format, _unit),
        *(_limits, _pattern, _enum, _lengths),
    )
    for check in checks:
        yield from check(reader, writer)


def _other_type(reader: Field, writer: Field) -> tuple[str, str] | None:
    here, there = kind_of(reader), kind_of(writer)
    if here == there:
        return None
    room = _room(reader, writer)
    if room is None:
        return "type", f"the type is {here} here, and {there} there"
    least, most = bounds(writer)
    if least is not None and most is not None and -room <= least and most <= room:  # pyright: ignore[reportOperatorIssue]
        return None
    limits = _between(least, most)
    return "room", f"{there} is read as {here} only between {-room} and {room}, and there it has {limits}"


def _room(reader: Field, writer: Field) -> int | Decimal | None:
    """The largest number, either way, that is the same in the reader's type; None: the types do not go together."""
    if reader.type == "number" and writer.type == "integer":
        return EXACT_IN_A_DOUBLE
    if reader.type == "decimal" and writer.type == "integer":
        return min(EXACT_IN_A_DOUBLE, 10 ** (DECIMAL_DIGITS - (reader.scale or 0)) - 1)
    if reader.type == writer.type == "decimal" and (reader.scale or 0) > (writer.scale or 0):
        return 10 ** (DECIMAL_DIGITS - (reader.scale or 0)) - Decimal(1).scaleb(-(writer.scale or 0))
    return None


def kind_of(field: Field) -> str:
    """A field's type in words."""
    return f"decimal({DECIMAL_DIGITS},{field.scale or 0})" if field.type == "decimal" else field.type


def bounds(field: Field) -> tuple[Limit | None, Limit | None]:
    """The least and the greatest value that a field accepts, by its limits or its valid values; None: no limit."""
    least: Any = None if field.minimum is None else typed_limit(field, field.minimum)
    most: Any = None if field.maximum is None else typed_limit(field, field.maximum)
    values = [int(value) for value in field.enum if WHOLE.fullmatch(value)] if field.type == "integer" else []
    if values:
        least = min(values) if least is None else max(least, min(values))
        most = max(values) if most is None else min(most, max(values))
    return least, most


def _between(least: Limit | None, most: Limit | None) -> str:
    return f"{'no minimum' if least is None else f'a minimum of {least}'} and " + (
        "no maximum" if most is None else f"a maximum of {most}"
    )


def _required(reader: Field, writer: Field) -> Found:
    if reader.required and not writer.required:
        yield "required", "it is required, and the records written there may lack it"


def _empty(reader: Field, writer: Field) -> Found:
    """An empty text stands for null for one of the two, and for itself or for nothing at all for the other."""
    if reader.empty_is_null and not writer.empty_is_null and reader.type == "string" and _may_be_empty(writer):
        yield "empty", "an empty text is null here, and a text there"
    if writer.empty_is_null and not reader.empty_is_null and not writer.required:
        yield "empty", f"an empty text is null there, and {'a text' if reader.type == 'string' else 'refused'} here"


def _may_be_empty(field: Field) -> bool:
    if field.enum:
        return "" in field.enum
    return not field.min_length and (field.pattern is None or _matches(field.pattern, [""]))


def _non_finite(reader: Field, writer: Field) -> Found:
    if writer.non_finite and not reader.non_finite:
        yield "range", "NaN and the infinities are values there, and refused here"


def _format(reader: Field, writer: Field) -> Found:
    if reader.format != writer.format:
        here, there = (f.format or "ISO 8601" for f in (reader, writer))
        yield "format", f"it is written as {here} here, and as {there} there"


def _unit(reader: Field, writer: Field) -> Found:
    if reader.unit is not None and writer.unit is not None and reader.unit != writer.unit:
        yield "unit", f"it counts {reader.unit} here, and {writer.unit} there"


def _limits(reader: Field, writer: Field) -> Found:
    least, most = bounds(writer)
    if reader.minimum is not None:
        low: Any = typed_limit(reader, reader.minimum)
        if least is None or low > least:
            yield "range", f"the minimum is {reader.minimum} here, and {'none' if least is None else least} there"
    if reader.maximum is not None:
        high: Any = typed_limit(reader, reader.maximum)
        if most is None or high < most:
            yield "range", f"the maximum is {reader.maximum} here, and {'none' if most is None else most} there"


def _pattern(reader: Field, writer: Field) -> Found:
    if reader.pattern is None or reader.pattern == writer.pattern:
        return
    if writer.enum and _matches(reader.pattern, list(writer.enum)):
        return
    yield "pattern", f"it matches {reader.pattern} here, and {writer.pattern or 'anything'} there"


def _enum(reader: Field, writer: Field) -> Found:
    if not reader.enum:
        return
    if not writer.enum:
        yield "values", f"it is one of {', '.join(reader.enum)} here, and anything there"
    elif unknown := [value for value in writer.enum if value not in reader.enum]:
        yield "values", f"{', '.join(unknown)} of the values there are not among those here"


def _lengths(reader: Field, writer: Field) -> Found:
    lengths = [len(value) for value in writer.enum]
    least = min(lengths) if lengths else writer.min_length or 0
    most = max(lengths) if lengths else writer.max_length
    if reader.min_length is not None and reader.min_length > least:
        yield "length", f"it has at least {reader.min_length} characters here, and {least} there"
    if reader.max_length is not None and (most is None or most > reader.max_length):
        there = "any number" if most is None else str(most)
        yield "length", f"it has at most {reader.max_length} characters here, and {there} there"


def _matches(pattern: str, values: list[str]) -> bool:
    return bool(pl.Series(values, dtype=pl.String).str.contains(pattern).all())
