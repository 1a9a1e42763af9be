"""Rows that ask, as they come in JSON: columns of the types that the features want."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation

import polars as pl

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.engine.rows import polars_type
from mlinfra_assets.feature_store.online.vector import Value
from mlinfra_assets.feature_store.view import FeatureView

TIME = ColumnType("timestamp")
SHOWN = 100


def entity_frame(
    rows: Sequence[Mapping[str, Value]], views: Sequence[FeatureView], times: Sequence[str]
) -> pl.DataFrame:
    """The rows as a frame. A column that no feature wants is a text, a boolean, or a number, as its values are.

    Args:
        rows: Value of each column, by name. A column that a row does not name is null there.
        views: Whose features are asked for: they say of which type keys and request values are.
        times: The columns that hold times: ISO 8601 with a zone.

    Raises:
        InvalidInputError: A value is not of its column's type.
    """
    wanted: dict[str, ColumnType] = {}
    for view in views:
        wanted |= {**view.key_schema, **view.request_schema}
    wanted |= dict.fromkeys(times, TIME)
    columns = dict.fromkeys(name for row in rows for name in row)
    return pl.DataFrame([_column(name, [row.get(name) for row in rows], wanted.get(name)) for name in columns])


def _column(name: str, values: Sequence[Value], kind: ColumnType | None) -> pl.Series:
    if kind is None:
        return _as_it_is(name, values)
    parse = _PARSE[kind.kind]
    found = []
    for number, value in enumerate(values):
        try:
            found.append(None if value is None else parse(value))
        except (TypeError, ValueError, InvalidOperation, OverflowError) as error:
            raise InvalidInputError(
                f"entities.{number}.{name}: {str(value)[:SHOWN]!r} is no {kind}{_HINT.get(kind.kind, '')}"
            ) from error
    try:
        return pl.Series(name, found, polars_type(kind), strict=True)
    except (TypeError, OverflowError, pl.exceptions.PolarsError) as error:
        raise InvalidInputError(f"column {name!r} of entities does not fit in a {kind}") from error


def _as_it_is(name: str, values: Sequence[Value]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float} and kinds:
        kind: pl.DataType = pl.Float64() if float in kinds else pl.Int64()
    elif len(kinds) <= 1:
        kind = pl.Boolean() if bool in kinds else pl.String()
    else:
        raise InvalidInputError(f"column {name!r} of entities holds values of several types: give it one")
    try:
        plain = [None if v is None else _float(v) for v in values] if kind == pl.Float64() else values
        return pl.Series(name, plain, kind)
    except (TypeError, OverflowError, pl.exceptions.PolarsError) as error:
        raise InvalidInputError(f"column {name!r} of entities holds a value that does not fit in a {kind}") from error


def _only(*kinds: type) -> Callable[[Value], Value]:
    def check(value: Value) -> Value:
        # A bool is an int to Python.
        if isinstance(value, kinds) and (bool in kinds or not isinstance(value, bool)):
            return value
        raise TypeError

    return check


def _time(value: Value) -> datetime:
    found = datetime.fromisoformat(_text(value))
    if found.tzinfo is None:
        raise ValueError("no zone")
    return found.astimezone(UTC)


def _text(value: Value) -> str:
    if isinstance(value, str):
        return value
    raise TypeError


def _float(value: Value) -> float:
    # A bool is an int to Python.
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    raise TypeError


def _decimal(value: Value) -> Decimal:
    found = Decimal(value) if isinstance(value, int) and not isinstance(value, bool) else Decimal(_text(value))
    if not found.is_finite():
        raise ValueError("not finite")
    return found


_PARSE: Mapping[str, Callable[[Value], object]] = {
    "int64": _only(int),
    "float64": _float,
    "string": _only(str),
    "boolean": _only(bool),
    "timestamp": _time,
    "date": lambda value: date.fromisoformat(_text(value)),
    "decimal": _decimal,
}
_HINT: Mapping[str, str] = {
    "timestamp": ": write a time with its zone, such as 2011-12-09T12:50:00Z",
    "date": ": write a date such as 2011-12-09",
    "decimal": ": write a decimal as text, such as 12.50",
}
