"""The value of every feature of a view at many (entity, t, k)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from mlinfra_assets.feature_store.engine.aggregates import AggregateEvaluator
from mlinfra_assets.feature_store.engine.latest_rows import LatestRows
from mlinfra_assets.feature_store.engine.leaves import Aggregates, Leaves, LookUp, Question
from mlinfra_assets.feature_store.engine.models import ScoreModels
from mlinfra_assets.feature_store.engine.probes import HINDSIGHT, Probes
from mlinfra_assets.feature_store.engine.related import looked_up
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.engine.vector import Vector
from mlinfra_assets.feature_store.errors import FeatureOverflowError, FunctionError, RetrievalError
from mlinfra_assets.feature_store.nodes import Aggregate, Key, Lookup, walk
from mlinfra_assets.feature_store.view import Feature, FeatureView

__all__ = ["EXPIRED", "HINDSIGHT", "NOT_FOUND", "PRESENT", "Evaluated", "evaluate", "evaluate_at", "evaluate_latest"]

PRESENT, NOT_FOUND, EXPIRED = 0, 1, 2


@dataclass(frozen=True)
class Evaluated:
    """The features of a view at some probes.

    Attributes:
        features: One row a probe, one column a feature, in the view's order.
        status: uint8[n]: PRESENT; NOT_FOUND, no row of the entity was known; EXPIRED, the latest is older than the TTL.
        latest: int64[n], event time of the latest row that was known, microseconds since 1970 UTC; 0 where NOT_FOUND.
    """

    features: pl.DataFrame
    status: np.ndarray
    latest: np.ndarray


def evaluate(
    view: FeatureView,
    prepared: PreparedRows,
    entities: pl.DataFrame,
    t: np.ndarray,
    k: np.ndarray | None = None,
    models: ScoreModels | None = None,
    request: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The features of entities at times.

    Args:
        view: The view.
        prepared: Its rows, with keys.
        entities: One row a question: the join keys, of the keys' types.
        t: int64[n], microseconds since 1970 UTC.
        k: int64[n], microseconds since 1970 UTC: only rows known by then count. None: k = t. `HINDSIGHT`: all.
        models: Whoever scores, for a view that has scores among its features.
        request: One row a question: the values that the view wants with it (`view.request_schema`).

    Returns:
        One row a question, one column a feature, in the view's order.

    Raises:
        FeatureOverflowError: An exact result does not fit in 64 bits; the message names the feature.
        FunctionError: A function of plain Python failed; the message names the feature.
        RetrievalError: The view has scores and there is nobody to score, or a requested value is missing.
    """
    index = prepared.index_of(entities)
    return evaluate_at(view, prepared, index, t, k, models, keys=entities, request=request).features


def evaluate_at(
    view: FeatureView,
    prepared: PreparedRows,
    index: np.ndarray,
    t: np.ndarray,
    k: np.ndarray | None = None,
    models: ScoreModels | None = None,
    *,
    keys: pl.DataFrame | None = None,
    request: pl.DataFrame | None = None,
    features: Sequence[Feature] | None = None,
    found_only: bool = False,
) -> Evaluated:
    """As `evaluate`, for entities by number (int64[n], -1 for one without rows), with what was found of each.

    Their join keys are those of the rows, unless `keys` has them. The features are all, unless `features` has some.
    With `found_only` an entity without a row that counts has no values, also where a count of nothing would be 0.
    """
    chosen = view.features if features is None else features
    t = np.ascontiguousarray(t, np.int64)
    k = t if k is None else np.ascontiguousarray(k, np.int64)
    index = np.ascontiguousarray(index, np.int64)
    if not len(index) == len(t) == len(k):
        raise RetrievalError(
            f"{len(index)} entities, {len(t)} times and {len(k)} known-at times: give one of each a row"
        )
    aggregates = AggregateEvaluator(view, prepared, Probes.of(index, t, k, prepared.entities), _aggregates(chosen))
    question = Question(_keys(chosen, prepared, index, keys), t, k, request, models)
    return _evaluated(view, chosen, aggregates, question, _other_views(view, prepared), found_only=found_only)


def evaluate_latest(
    view: FeatureView,
    frames: Iterable[pl.DataFrame],
    entities: pl.DataFrame,
    t: np.ndarray,
    models: ScoreModels | None = None,
    request: pl.DataFrame | None = None,
    order: np.ndarray | None = None,
) -> pl.DataFrame | None:
    """As `evaluate` with k = t, straight from a dataset's frames, for a view that asks for latest rows alone.

    Who asks several views the same questions works out their `order` by time once: int64[n].

    Returns:
        None if it asks for more, or the rows do not come in the order of the time from which they count: they have to
        be prepared.
    """
    if not LatestRows.can_answer(view):
        return None
    t = np.ascontiguousarray(t, np.int64)
    rows = LatestRows(view, entities, t, order)
    if not rows.take(frames):
        return None
    return _evaluated(view, view.features, rows, Question(entities, t, t, request, models), _no_other_view).features


def _evaluated(
    view: FeatureView,
    features: Sequence[Feature],
    aggregates: Aggregates,
    question: Question,
    look_up: LookUp,
    *,
    found_only: bool = False,
) -> Evaluated:
    latest, found = aggregates.latest()
    status = np.where(found, PRESENT, NOT_FOUND).astype(np.uint8)
    served = np.ones(len(found), np.bool_)
    if view.ttl is not None:
        status[found & (latest < question.t - view.ttl)] = EXPIRED
        served = status == PRESENT
    if found_only:
        served = status == PRESENT
    leaves = Leaves(view, aggregates, question, served, look_up)
    values = _values(view, features, leaves)
    return Evaluated(_with_defaults(view, features, values, status == PRESENT), status, np.where(found, latest, 0))


def _no_other_view(node: Lookup, keys: pl.DataFrame, _: Question) -> Vector:
    raise TypeError(f"a view without others looks up {node} for {keys.height} keys")


def _aggregates(features: Sequence[Feature]) -> list[Aggregate]:
    found = (node for feature in features for node in walk(feature.node) if isinstance(node, Aggregate))
    return list(dict.fromkeys(found))


def _values(view: FeatureView, features: Sequence[Feature], leaves: Leaves) -> pl.DataFrame:
    columns = []
    for feature in features:
        try:
            columns.append(leaves.answer(feature.name, feature.node))
        except (FeatureOverflowError, FunctionError) as error:
            raise type(error)(f"feature {view.name}:{feature.name}: {error}") from error
    return pl.DataFrame(columns)


def _with_defaults(
    view: FeatureView, features: Sequence[Feature], values: pl.DataFrame, present: np.ndarray
) -> pl.DataFrame:
    """The values with the defaults that features declare for entities that are not served."""
    defaults = {feature.name: feature.default for feature in features if feature.default is not None}
    if not defaults or present.all():
        return values
    there = pl.Series(present)
    filled = [
        values[name].zip_with(there, Vector.constant(default, 1).to(view.schema[name]).to_polars(name))
        for name, default in defaults.items()
    ]
    return values.with_columns(filled)


def _keys(
    features: Sequence[Feature], prepared: PreparedRows, index: np.ndarray, keys: pl.DataFrame | None
) -> pl.DataFrame | None:
    if keys is not None or prepared.keys is None:
        return keys
    if not any(isinstance(node, Key) for feature in features for node in walk(feature.node)):
        return None
    numbers = pl.Series(index).replace(-1, None)
    return prepared.keys.select(pl.all().gather(numbers)) if prepared.entities else prepared.keys.clear(len(index))


def _other_views(view: FeatureView, prepared: PreparedRows) -> LookUp:
    answered: dict[tuple, Evaluated] = {}

    def look_up(node: Lookup, keys: pl.DataFrame, question: Question) -> Vector:
        other = looked_up(view, node.view)
        rows = prepared.uses[node.view]
        asked = (node.view, node.feature, node.keys)
        if asked not in answered:
            answered[asked] = evaluate_at(
                other,
                rows,
                rows.index_of(keys),
                question.t,
                question.k,
                question.models,
                keys=keys,
                request=question.request,
                features=[other.feature(node.feature)],
                found_only=True,
            )
        found = answered[asked]
        values = Vector.from_polars(found.features.get_column(node.feature), other.schema[node.feature])
        # What another view shows of an entity that it does not serve is null, whatever it declares for its own readers.
        return values.where(found.status == PRESENT)

    return look_up
