"""The values that come with a question about features of now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from mlinfra_assets.feature_store.column_type import ColumnType, Kind
from mlinfra_assets.feature_store.engine.rows import polars_type
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.view import FeatureView

Rows = Sequence[Mapping[str, Any]]
_PYTHON: Mapping[Kind, tuple[type, ...]] = {
    "int64": (int,),
    "float64": (int, float),
    "decimal": (int, Decimal),
    "string": (str,),
    "boolean": (),
    "date": (date,),
    "list": (),
}


def requested(views: Iterable[FeatureView]) -> dict[str, ColumnType]:
    """What features of some views want with a question, by name."""
    return {name: kind for view in views for name, kind in view.request_schema.items()}


def request_frame(
    request: Mapping[str, Any] | Rows | None, asked: Mapping[str, ColumnType], count: int
) -> pl.DataFrame | None:
    """The values as columns, one row a question; None if there are none.

    Args:
        request: The values by name: for all questions alike, or one mapping each. A timestamp has a time zone.
        asked: What may be among them (`requested`).
        count: Number of questions.

    Raises:
        RetrievalError: A value that nothing asks for, of another type, or given for some questions only.
    """
    if request is None:
        return None
    rows = [request] * count if isinstance(request, Mapping) else list(request)
    if len(rows) != count:
        raise RetrievalError(f"{len(rows)} requests for {count} entities: give one for all, or one each")
    given = dict.fromkeys(name for row in rows for name in row)
    strange = [name for name in given if name not in asked]
    if strange:
        raise RetrievalError(f"no feature asks for the request value {strange[0]!r}; they ask for {', '.join(asked)}")
    missing = [name for name in given for row in rows if name not in row]
    if missing:
        raise RetrievalError(f"the request value {missing[0]!r} is given for some entities only: give it for all")
    return pl.DataFrame([_values(name, asked[name], [row[name] for row in rows]) for name in given])


def _values(name: str, kind: ColumnType, values: Sequence[Any]) -> pl.Series:
    for value in values:
        if value is not None and not _fits(value, kind):
            raise RetrievalError(f"the request value {name!r} is a {kind}, and {value!r} is none")
    try:
        return pl.Series(name, values, polars_type(kind), strict=True)
    except (TypeError, OverflowError, UnicodeEncodeError, pl.exceptions.PolarsError) as error:
        raise RetrievalError(f"the request value {name!r} does not fit in a {kind}: {error}") from error


def _fits(value: object, kind: ColumnType) -> bool:
    # A bool is an int to Python, and a datetime a date.
    if kind.kind == "timestamp":
        return isinstance(value, datetime) and value.tzinfo is not None
    if isinstance(value, bool | datetime):
        return isinstance(value, bool) and kind.kind == "boolean"
    return isinstance(value, _PYTHON[kind.kind])
