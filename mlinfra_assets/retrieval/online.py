"""Features of now, as a frame: what the online store answers for some entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from mlinfra_assets.feature_store.column_type import ColumnType, Kind
from mlinfra_assets.feature_store.engine.rows import dtypes, polars_type
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.offline.asked import result_name
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.store import resolve
from mlinfra_assets.serving.features import read_features

_PYTHON: Mapping[Kind, tuple[type, ...]] = {
    "int64": (int,),
    "float64": (int, float),
    "decimal": (int, Decimal),
    "string": (str,),
    "boolean": (),
    "date": (date,),
    "list": (),
}
Rows = Sequence[Mapping[str, Any]]


def online_frame(
    store: OnlineStore,
    references: Sequence[str],
    entities: Rows,
    request: Mapping[str, Any] | Rows | None,
    t: int,
    full_names: bool,
) -> pl.DataFrame:
    """The features of entities at a moment, one row an entity, in order.

    Args:
        store: The online store.
        references: `"view:feature"`, or `"view"` for all of one.
        entities: The join keys of each, by name.
        request: The values that features want with the question, by name: for all entities alike, or one mapping each.
        t: The moment, microseconds since 1970 UTC.
        full_names: Call a feature `view__feature`.

    Raises:
        InvalidInputError: As `read_features`; a name is used twice; a request value is missing or of another type.
        UnavailableError: Redis cannot be reached, or holds no push of a view.
    """
    served = {name: store.view(name) for name in {reference.partition(":")[0] for reference in references}}
    wanted = resolve(served, list(references))
    names = [result_name(view, feature, full_names) for view, feature in wanted]
    keys = {key: kind for view in served.values() for key, kind in view.key_schema.items()}
    twice = sorted({name for name in names if names.count(name) > 1 or name in keys})
    if twice:
        raise RetrievalError(f"{', '.join(twice)} would be two columns: ask once, or full_feature_names=True")
    asked = {name: kind for view in served.values() for name, kind in view.request_schema.items()}
    given = _request(request, asked, len(entities))
    found = read_features(store, [f"{view.name}:{f.name}" for view, f in wanted], entities, t, given)
    schema = dtypes({**keys, **{n: view.schema[f.name] for n, (view, f) in zip(names, wanted, strict=True)}})
    rows = [
        {**one.entity, **{n: one.vectors[v.name].values[f.name] for n, (v, f) in zip(names, wanted, strict=True)}}
        for one in found
    ]
    return pl.DataFrame(rows, schema=schema, orient="row")


def _request(
    request: Mapping[str, Any] | Rows | None, asked: Mapping[str, ColumnType], count: int
) -> pl.DataFrame | None:
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
    except (TypeError, OverflowError, pl.exceptions.PolarsError) as error:
        raise RetrievalError(f"the request value {name!r} does not fit in a {kind}: {error}") from error


def _fits(value: object, kind: ColumnType) -> bool:
    # A bool is an int to Python, and a datetime a date.
    if kind.kind == "timestamp":
        return isinstance(value, datetime) and value.tzinfo is not None
    if isinstance(value, bool | datetime):
        return isinstance(value, bool) and kind.kind == "boolean"
    return isinstance(value, _PYTHON[kind.kind])
