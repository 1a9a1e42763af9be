"""What every entity looked like at a moment, and at the end of each day (UTC)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date

import numpy as np
import polars as pl

from mlinfra_assets.feature_store.duration import UNITS
from mlinfra_assets.feature_store.engine.evaluate import evaluate_at
from mlinfra_assets.feature_store.engine.models import ScoreModels
from mlinfra_assets.feature_store.engine.rows import PreparedRows, polars_type
from mlinfra_assets.feature_store.engine.served import served_pairs
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.view import FeatureView

DAY = "day"
FROM_ENDS = frozenset({"latest", "last", "first", "since_last"})
"""Mostly known from the ends of a window."""

VALUES_AT_ONCE = 6_000_000
"""About how many values are computed at once; each part walks through the windows of its first day anew."""

OF_ALL_HISTORY = 3
"""How many times as many if a window is all history, which is long to walk through."""


def rows_at_once(view: FeatureView) -> int:
    """About how many rows of a view's snapshots are computed, and held in memory, at a time."""
    long = any(a.window is None and a.function not in FROM_ENDS for a in view.aggregates)
    return VALUES_AT_ONCE * (OF_ALL_HISTORY if long else 1) // (len(view.stored) + len(view.join_keys) + 1)


def end_of(day: date) -> int:
    """The last microsecond of a day in UTC, in microseconds since 1970."""
    return ((day - date(1970, 1, 1)).days + 1) * UNITS["d"] - 1


def snapshot(
    view: FeatureView, prepared: PreparedRows, days: Sequence[date], models: ScoreModels | None = None
) -> pl.DataFrame:
    """The features at the last microsecond of some days, as known then.

    Args:
        view: The view.
        prepared: Its rows, with keys.
        days: In any order; each is answered once.
        models: Whoever scores, for a view that has scores among its features.

    Returns:
        Columns `day`, the join keys, and the features that need nothing from a request; ordered by day and keys. Only
        entities that the view serves: at least one row is known, and the latest is inside the TTL.

    Raises:
        FeatureOverflowError: An exact result does not fit in 64 bits; the message names the feature.
        RetrievalError: The rows have no keys, or the view has scores and there is nobody to score.
    """
    return pl.concat([empty_snapshot(view), *iterate_snapshots(view, prepared, days, models)], rechunk=False)


def iterate_snapshots(
    view: FeatureView,
    prepared: PreparedRows,
    days: Sequence[date],
    models: ScoreModels | None = None,
    chunk_rows: int | None = None,
) -> Iterator[pl.DataFrame]:
    """As `snapshot`, in frames of whole days, so that a long backfill fits in memory.

    A frame has about `chunk_rows` rows, or as many as are computed at once.
    """
    ordered = sorted(set(days))
    times = np.array([end_of(day) for day in ordered], np.int64)
    for first, counts, frame in _snapshots(view, prepared, times, models, chunk_rows):
        named = np.array(ordered[first : first + len(counts)], "datetime64[D]")
        day = pl.Series(DAY, np.repeat(named, counts)).cast(pl.Date)
        yield pl.concat([day.to_frame(), frame], how="horizontal")


def snapshot_at(view: FeatureView, prepared: PreparedRows, at: int, models: ScoreModels | None = None) -> pl.DataFrame:
    """The features at a moment (microseconds since 1970 UTC), as known then: as `snapshot`, without a column `day`."""
    found = [frame for *_, frame in _snapshots(view, prepared, np.array([at], np.int64), models, None)]
    return pl.concat([empty_snapshot(view).drop(DAY), *found], rechunk=False)


def _snapshots(
    view: FeatureView, prepared: PreparedRows, times: np.ndarray, models: ScoreModels | None, chunk_rows: int | None
) -> Iterator[tuple[int, np.ndarray, pl.DataFrame]]:
    """Number of the first moment, entities at each moment, their keys and features; a few moments at a time."""
    if prepared.keys is None:
        raise RetrievalError("these rows were put together without keys: a snapshot has to name its entities")
    entities, begins = served_pairs(prepared, times, view.ttl)
    limit = rows_at_once(view) if chunk_rows is None else chunk_rows
    first = 0
    while first < len(times):
        last = max(first + 1, int(np.searchsorted(begins, begins[first] + limit, side="right")) - 1)
        chosen = entities[begins[first] : begins[last]]
        counts = np.diff(begins[first : last + 1])
        if len(chosen):
            t = np.repeat(times[first:last], counts)
            found = evaluate_at(view, prepared, chosen, t, None, models, features=view.stored)
            yield first, counts, pl.concat([prepared.keys[chosen], found.features], how="horizontal")
        first = last


def empty_snapshot(view: FeatureView) -> pl.DataFrame:
    """A snapshot without rows: its columns and their types."""
    kinds = {**view.key_schema, **{feature.name: view.schema[feature.name] for feature in view.stored}}
    return pl.DataFrame(schema={DAY: pl.Date(), **{name: polars_type(kind) for name, kind in kinds.items()}})
