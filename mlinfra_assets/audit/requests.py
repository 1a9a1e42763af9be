"""The values that came with a question, from the event that logged it."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mlinfra_assets.audit.logged import LoggedPrediction
from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.view import FeatureView

WHOLE = {"int64", "timestamp", "date"}
"""Kinds that an event carries as whole numbers: a timestamp in microseconds, a date in days since 1970."""


def wrong_request(view: FeatureView, prediction: LoggedPrediction) -> str | None:
    """Why a prediction's request cannot be the one that the view was evaluated with; None if it can."""
    for name, kind in view.request_schema.items():
        if name not in prediction.request:
            return f"the event has no request value {name!r}, which view {view.name} needs"
        value = prediction.request[name]
        if value is not None and not _fits(value, kind):
            return f"the event has the request value {name}={value!r}, where view {view.name} needs a {kind}"
    return None


def request_of(view: FeatureView, predictions: Sequence[LoggedPrediction]) -> pl.DataFrame | None:
    """The request values of predictions, one row each, in the types that the view needs; None if it needs none."""
    if not view.request_schema:
        return None
    types = dtypes(view.request_schema)
    columns = [
        pl.Series(name, [p.request[name] for p in predictions], dtype=carried(kind)).cast(types[name])
        for name, kind in view.request_schema.items()
    ]
    return pl.DataFrame(columns)


def _fits(value: object, kind: ColumnType) -> bool:
    if kind.kind in WHOLE:
        return type(value) is int
    if kind.kind == "float64":
        return type(value) in {int, float}
    return type(value) is (bool if kind.kind == "boolean" else str)


def carried(kind: ColumnType) -> pl.DataType:
    """The type that an event carries a request value of some type as."""
    if kind.kind == "date":
        return pl.Int32()
    if kind.kind in WHOLE:
        return pl.Int64()
    return {"float64": pl.Float64(), "boolean": pl.Boolean()}.get(kind.kind, pl.String())
