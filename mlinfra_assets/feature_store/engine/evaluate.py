"""The value of every feature of a view at many (entity, t, k)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from mlinfra_assets.feature_store.column_type import FLOAT64
from mlinfra_assets.feature_store.engine.aggregates import AggregateEvaluator, Probes
from mlinfra_assets.feature_store.engine.models import ScoreModels
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.engine.trees import TreeEvaluator
from mlinfra_assets.feature_store.engine.vector import Vector
from mlinfra_assets.feature_store.errors import FeatureOverflowError, RetrievalError
from mlinfra_assets.feature_store.nodes import Aggregate, Node, Score
from mlinfra_assets.feature_store.view import FeatureView

PRESENT, NOT_FOUND, EXPIRED = 0, 1, 2
HINDSIGHT = np.iinfo(np.int64).max
"""As known at the end of time: rows that came late count too."""


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
) -> pl.DataFrame:
    """The features of entities at times.

    Args:
        view: The view.
        prepared: Its rows, with keys.
        entities: One row a question: the join keys, of the keys' types.
        t: int64[n], microseconds since 1970 UTC.
        k: int64[n], microseconds since 1970 UTC: only rows known by then count. None: k = t. `HINDSIGHT`: all.
        models: Whoever scores, for a view that has scores among its features.

    Returns:
        One row a question, one column a feature, in the view's order.

    Raises:
        FeatureOverflowError: An exact result does not fit in 64 bits; the message names the feature.
        RetrievalError: The view has scores, and there is nobody to score.
    """
    return evaluate_at(view, prepared, prepared.index_of(entities), t, k, models).features


def evaluate_at(
    view: FeatureView,
    prepared: PreparedRows,
    index: np.ndarray,
    t: np.ndarray,
    k: np.ndarray | None = None,
    models: ScoreModels | None = None,
) -> Evaluated:
    """As `evaluate`, for entities by number (int64[n], -1 for one without rows), with what was found of each."""
    t = np.ascontiguousarray(t, np.int64)
    k = t if k is None else np.ascontiguousarray(k, np.int64)
    index = np.ascontiguousarray(index, np.int64)
    if not len(index) == len(t) == len(k):
        raise RetrievalError(
            f"{len(index)} entities, {len(t)} times and {len(k)} known-at times: give one of each a row"
        )
    probes = Probes(index, t, k)
    aggregates = AggregateEvaluator(view, prepared, probes)
    latest, found = aggregates.latest()
    status = np.where(found, PRESENT, NOT_FOUND).astype(np.uint8)
    served = np.ones(len(t), np.bool_)
    if view.ttl is not None:
        status[found & (latest < t - view.ttl)] = EXPIRED
        served = status == PRESENT
        # What is not served is not looked at either: it is asked of an entity without rows.
        aggregates = AggregateEvaluator(view, prepared, Probes(np.where(served, index, -1), t, k))
    return Evaluated(_features(view, aggregates, k, served, models), status, np.where(found, latest, 0))


def _features(
    view: FeatureView, aggregates: AggregateEvaluator, k: np.ndarray, served: np.ndarray, models: ScoreModels | None
) -> pl.DataFrame:
    def leaf(node: Node) -> Vector:
        if isinstance(node, Aggregate):
            return aggregates.evaluate(node)
        if isinstance(node, Score):
            return _score(node, [tree.evaluate(arg) for _, arg in node.inputs], k, served, models)
        raise TypeError(f"not a feature expression: {node}")

    tree = TreeEvaluator(len(k), leaf, finite=True)
    columns = []
    for feature in view.features:
        try:
            columns.append(tree.evaluate(feature.node).where(served).to_polars(feature.name))
        except FeatureOverflowError as error:
            raise FeatureOverflowError(f"feature {view.name}:{feature.name}: {error}") from error
    return pl.DataFrame(columns)


def _score(node: Score, inputs: list[Vector], k: np.ndarray, served: np.ndarray, models: ScoreModels | None) -> Vector:
    if models is None:
        raise RetrievalError(
            f"model {node.model} scores a feature of this view: pass the models that were in production"
        )
    columns = [vector.to(FLOAT64) for vector in inputs]
    matrix = np.full((int(served.sum()), len(columns)), np.nan)
    for j, column in enumerate(columns):
        matrix[:, j] = np.where(column.valid, column.values, np.nan)[served]
    scores = np.zeros(len(k), np.float64)
    scores[served] = models.score(node.model, k[served], matrix)
    return Vector(FLOAT64, scores, served).finite()
