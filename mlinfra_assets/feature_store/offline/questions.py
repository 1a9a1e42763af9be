"""What the rows of an entity table ask: whose features, when, as known when, and what comes with the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.dataset import nearest
from mlinfra_assets.feature_store.engine.evaluate import HINDSIGHT
from mlinfra_assets.feature_store.engine.rows import polars_type
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.view import FeatureView

KNOWN = "_known"
"""Column of a result that was computed in hindsight; it says so in every row."""

AS_OF, IN_HINDSIGHT = "as_of", "hindsight"
_WIDE = (pl.UInt64, pl.Int128, pl.UInt128)


@dataclass(frozen=True)
class Questions:
    """How to read questions off an entity table.

    Attributes:
        time: The time column.
        known: `"as_of"`, `"hindsight"`, or the column of known-at times.
    """

    time: str
    known: str = AS_OF

    def check(self, schema: pl.Schema, views: Sequence[FeatureView], names: Sequence[str]) -> None:
        """Refuse a table that cannot ask.

        Args:
            schema: Its columns.
            views: What is asked.
            names: The names of the features in the result.

        Raises:
            RetrievalError: A column is missing, of another type, in another zone than UTC; a name is used twice.
        """
        _check_time(schema, self.time, "time column")
        if self.known not in {AS_OF, IN_HINDSIGHT}:
            if self.known not in schema:
                raise RetrievalError(
                    f'known={self.known!r} is neither "as_of" nor "hindsight" nor a column of entity_df'
                    f"{nearest(self.known, [AS_OF, IN_HINDSIGHT, *schema])}"
                )
            _check_time(schema, self.known, "known-at column")
        empty = pl.DataFrame(schema=schema)
        for view in views:
            self.keys(empty, view)
            self.request(empty, view)
        _check_names(schema, names, [KNOWN] if self.known == IN_HINDSIGHT else [])

    def t(self, rows: pl.DataFrame, first: int = 0) -> np.ndarray:
        """The moments asked about, int64[n], microseconds since 1970 UTC. Row 0 is row `first` of the whole table."""
        return _micros(rows.get_column(self.time), "time column", first)

    def k(self, rows: pl.DataFrame, first: int = 0) -> np.ndarray:
        """As known when, int64[n], microseconds since 1970 UTC."""
        if self.known == AS_OF:
            return self.t(rows, first)
        if self.known == IN_HINDSIGHT:
            return np.full(rows.height, HINDSIGHT)
        return _micros(rows.get_column(self.known), "known-at column", first)

    def keys(self, rows: pl.DataFrame, view: FeatureView) -> pl.DataFrame:
        """The join keys of a view, of the keys' types."""
        return pl.DataFrame([_key(rows, view, name, kind) for name, kind in view.key_schema.items()])

    def request(self, rows: pl.DataFrame, view: FeatureView) -> pl.DataFrame | None:
        """The values that a view wants with each question; None if it wants none."""
        wanted: Mapping[str, ColumnType] = view.request_schema
        if not wanted:
            return None
        return pl.DataFrame([_requested(rows, view, name, kind) for name, kind in wanted.items()])


def _check_time(schema: pl.Schema, column: str, what: str) -> None:
    if column not in schema:
        raise RetrievalError(f"entity_df has no {what} {column!r}; it has {', '.join(schema)}")
    found = schema[column]
    if not isinstance(found, pl.Datetime):
        raise RetrievalError(f"{what} {column!r} is a {found}: give times with the zone UTC")
    if found.time_zone is None:
        raise RetrievalError(f"{what} {column!r} has no zone: say what it is in UTC, as with replace_time_zone")
    if found.time_zone != "UTC":
        raise RetrievalError(f"{what} {column!r} is in {found.time_zone}: convert it with convert_time_zone('UTC')")


def _micros(series: pl.Series, what: str, first: int) -> np.ndarray:
    if series.null_count():
        row = first + int(series.is_null().arg_max() or 0)
        raise RetrievalError(f"{what} {series.name!r} is null in row {row}: every row needs a time")
    micros = series.cast(pl.Datetime("us", "UTC"))
    if series.dtype == pl.Datetime("ns", "UTC") and (micros.cast(series.dtype) != series).any():
        raise RetrievalError(f"{what} {series.name!r} has nanoseconds: times are exact to the microsecond, round them")
    return micros.to_physical().to_numpy()


def _key(rows: pl.DataFrame, view: FeatureView, name: str, kind: ColumnType) -> pl.Series:
    if name not in rows.columns:
        raise RetrievalError(f"view {view.name} needs the key {name!r}; entity_df has {', '.join(rows.columns)}")
    found = _as(rows.get_column(name), kind)
    if found is None:
        raise RetrievalError(
            f"key {name!r} of view {view.name} is a {kind}, and a {rows.schema[name]} in entity_df: convert it"
        )
    return found


def _requested(rows: pl.DataFrame, view: FeatureView, name: str, kind: ColumnType) -> pl.Series:
    if name not in rows.columns:
        raise RetrievalError(
            f"view {view.name} needs the request value {name!r} ({kind}) with each question; entity_df has no such "
            f"column, it has {', '.join(rows.columns)}"
        )
    found = _as(rows.get_column(name), kind)
    if found is None:
        raise RetrievalError(
            f"request value {name!r} of view {view.name} is a {kind}, and a {rows.schema[name]} in entity_df: "
            "convert it"
        )
    return found


def _as(series: pl.Series, kind: ColumnType) -> pl.Series | None:
    """The same values as a column of a type; None if that could change one."""
    found, wanted = series.dtype, polars_type(kind)
    if kind.kind == "int64":
        fits = found.is_integer() and found not in _WIDE
    elif kind.kind == "string":
        fits = found in (pl.String, pl.Categorical, pl.Enum)
    elif kind.kind == "float64":
        fits = found in (pl.Float64, pl.Float32)
    elif kind.kind == "decimal":
        fits = isinstance(found, pl.Decimal) and found.scale == kind.scale
    elif kind.kind == "timestamp":
        fits = found in (pl.Datetime("us", "UTC"), pl.Datetime("ms", "UTC"))
    else:
        fits = found == wanted
    return series.cast(wanted) if fits or found == pl.Null else None


def _check_names(schema: pl.Schema, names: Sequence[str], marks: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RetrievalError(
            f"{', '.join(twice)} asked for twice, or of two views: ask once, or full_feature_names=True"
        )
    taken = sorted({*names, *marks} & set(schema))
    if taken:
        raise RetrievalError(f"entity_df has columns {', '.join(taken)} already: rename them")
