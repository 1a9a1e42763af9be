"""The values that come with a request for features, from JSON."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

import polars as pl
import polars.selectors as cs

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.column_type import ColumnType, Kind
from mlinfra_assets.feature_store.online.request import request_frame, requested
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.online.vector import Value

Values = Mapping[str, Value]


def _decimal(text: str) -> Decimal:
    value = Decimal(text)
    if not value.is_finite():
        raise InvalidOperation(text)
    return value


_FROM_TEXT: Mapping[Kind, tuple[Callable[[str], object], str]] = {
    "timestamp": (datetime.fromisoformat, "a time such as 2011-12-09T12:50:00Z"),
    "date": (date.fromisoformat, "a date such as 2011-12-09"),
    "decimal": (_decimal, "a decimal such as 12.50"),
}


def request_values(
    store: OnlineStore, references: Sequence[str], request: Values | Sequence[Values] | None, count: int
) -> pl.DataFrame | None:
    """The values as columns of the types that the features want, one row an entity; None if there are none.

    Args:
        store: Knows what the views that are named want.
        references: `"view:feature"`, or `"view"` for all of one.
        request: The values by name: for all entities alike, or one mapping each.
        count: Number of entities.

    Raises:
        InvalidInputError: A value that nothing asks for, of another type, or given for some entities only.
        UnknownViewError: A view that is not online.
        UnavailableError: Redis cannot be reached, or holds no push of a view.
    """
    if request is None:
        return None
    asked = requested(store.view(name) for name in dict.fromkeys(r.partition(":")[0] for r in references))
    if isinstance(request, Mapping):
        return request_frame(_typed(request, asked), asked, count)
    return request_frame([_typed(one, asked) for one in request], asked, count)


def as_logged(request: pl.DataFrame | None, count: int) -> list[dict[str, Value]]:
    """The values of each of `count` questions as an event carries them; empty where there are none.

    A timestamp in microseconds since 1970 UTC, a date in days, a decimal as text.
    """
    if request is None:
        return [{} for _ in range(count)]
    whole = cs.temporal().to_physical()
    return request.with_columns(whole, cs.decimal().cast(pl.String)).rows(named=True)


def _typed(values: Values, asked: Mapping[str, ColumnType]) -> dict[str, object]:
    return {name: _value(name, value, asked.get(name)) for name, value in values.items()}


def _value(name: str, value: Value, kind: ColumnType | None) -> object:
    if kind is None or kind.kind not in _FROM_TEXT or not isinstance(value, str):
        return value
    parse, example = _FROM_TEXT[kind.kind]
    try:
        return parse(value)
    except (ValueError, InvalidOperation) as error:
        wrong = f"the request value {name!r} is a {kind}, and {value[:100]!r} is not: write {example}"
        raise InvalidInputError(wrong) from error
