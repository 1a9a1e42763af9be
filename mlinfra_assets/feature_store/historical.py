"""Training sets: the value that each feature had for an entity at a time, as it could have been known then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import polars as pl

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.engine.evaluate import HINDSIGHT, evaluate
from mlinfra_assets.feature_store.engine.models import ScoreModels
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.reader import SourceReader
from mlinfra_assets.feature_store.store import FeatureService, resolve
from mlinfra_assets.feature_store.view import FeatureView

KNOWN = "_known"
"""Column of a result that was computed in hindsight; it says so in every row."""


def get_historical_features(
    entity_df: object,
    features: FeatureService | Sequence[str],
    *,
    views: Mapping[str, FeatureView],
    read: SourceReader,
    known: str = "as_of",
    event_timestamp: str = "event_timestamp",
    full_feature_names: bool = False,
    models: ScoreModels | None = None,
    versions: Mapping[str, int] | None = None,
) -> pl.DataFrame:
    """Each row of `entity_df` once, in its order, with the features of its entity at its time.

    Args:
        entity_df: A Polars, pandas or Arrow table: the join keys of every view asked for, a time column, anything else.
        features: `"view:feature"`, `"view"` for all of one, or a feature service.
        views: The declared views by name: `FeatureStore.views`.
        read: Where the rows of the datasets come from.
        known: `"as_of"`: only rows known at the row's time count. `"hindsight"`: rows that came late count too, and the
            result has a column `_known` that says so. Otherwise the name of a time column: rows known by then count.
        event_timestamp: The time column. Times have a zone, and it is UTC.
        full_feature_names: Call a feature `view__feature`, as is needed when two views use one name.
        models: Whoever scores, for views that have scores among their features.
        versions: Version of each dataset's table, by dataset. What is not named is read as it is now.

    Returns:
        The columns of `entity_df`, and one for each feature.

    Raises:
        DefinitionError: An unknown view or feature.
        RetrievalError: A key or time column is missing, of a wrong type, without zone or not UTC; a name is used twice.
        FeatureOverflowError: An exact result does not fit in 64 bits; the message names the feature.
    """
    spine = to_polars(entity_df)
    wanted = resolve(views, features)
    t = _times(spine, event_timestamp)
    k = _known(spine, known, t)
    names = [f"{view.name}__{f.name}" if full_feature_names else f.name for view, f in wanted]
    _check_names(spine, names)
    computed: dict[str, pl.DataFrame] = {}
    for view, _ in wanted:
        if view.name not in computed:
            keys = _keys(spine, view)
            version = (versions or {}).get(view.dataset.name)
            rows = read.rows(view.dataset.name, view.columns, version)
            computed[view.name] = evaluate(view, prepare(view, rows, only=keys), keys, t, k, models)
    columns = [
        computed[view.name].get_column(f.name).alias(name) for (view, f), name in zip(wanted, names, strict=True)
    ]
    mark = [pl.lit(known).alias(KNOWN)] if known == "hindsight" else []
    return spine.with_columns(*columns, *mark)


def to_polars(table: object) -> pl.DataFrame:
    """A Polars frame of a Polars, Arrow or pandas table.

    Raises:
        RetrievalError: It is none of these.
    """
    if isinstance(table, pl.DataFrame):
        return table
    if isinstance(table, pl.LazyFrame):
        return table.collect()
    if hasattr(table, "__arrow_c_stream__"):
        return pl.DataFrame(cast("Any", table))
    raise RetrievalError(f"entity_df is a {type(table).__name__}: pass a Polars, pandas or Arrow table")


def _times(spine: pl.DataFrame, column: str) -> np.ndarray:
    if column not in spine.columns:
        raise RetrievalError(f"entity_df has no time column {column!r}; it has {', '.join(spine.columns)}")
    series = spine.get_column(column)
    found = series.dtype
    if not isinstance(found, pl.Datetime):
        raise RetrievalError(f"time column {column!r} is a {found}: give times with the zone UTC")
    if found.time_zone is None:
        raise RetrievalError(f"time column {column!r} has no zone: say what it is in UTC, as with replace_time_zone")
    if found.time_zone != "UTC":
        raise RetrievalError(
            f"time column {column!r} is in {found.time_zone}: convert it with convert_time_zone('UTC')"
        )
    if series.null_count():
        raise RetrievalError(
            f"time column {column!r} is null in row {series.is_null().arg_max()}: every row needs a time"
        )
    micros = series.cast(pl.Datetime("us", "UTC"))
    if found.time_unit == "ns" and (micros.cast(found) != series).any():
        raise RetrievalError(f"time column {column!r} has nanoseconds: times are exact to the microsecond, round them")
    return micros.to_physical().to_numpy()


def _known(spine: pl.DataFrame, known: str, t: np.ndarray) -> np.ndarray:
    if known == "as_of":
        return t
    return np.full(len(t), HINDSIGHT) if known == "hindsight" else _times(spine, known)


def _keys(spine: pl.DataFrame, view: FeatureView) -> pl.DataFrame:
    return spine.select(_key(spine, view, name, kind) for name, kind in view.key_schema.items())


def _key(spine: pl.DataFrame, view: FeatureView, name: str, kind: ColumnType) -> pl.Series:
    if name not in spine.columns:
        raise RetrievalError(f"view {view.name} needs the key {name!r}; entity_df has {', '.join(spine.columns)}")
    series = spine.get_column(name)
    if series.dtype == pl.Null:
        return series.cast(pl.Int64 if kind.kind == "int64" else pl.String)
    if kind.kind == "int64" and series.dtype.is_integer() and series.dtype not in (pl.UInt64, pl.Int128, pl.UInt128):
        return series.cast(pl.Int64)
    if kind.kind == "string" and series.dtype in (pl.String, pl.Categorical, pl.Enum):
        return series.cast(pl.String)
    raise RetrievalError(f"key {name!r} of view {view.name} is a {kind}, and a {series.dtype} in entity_df: convert it")


def _check_names(spine: pl.DataFrame, names: Sequence[str]) -> None:
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise RetrievalError(
            f"{', '.join(twice)} asked for twice, or of two views: ask once, or full_feature_names=True"
        )
    taken = sorted(set(names) & set(spine.columns))
    if taken:
        raise RetrievalError(f"entity_df has columns {', '.join(taken)} already: rename them")
