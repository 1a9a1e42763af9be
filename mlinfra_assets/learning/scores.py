"""Model scores as features: the version that was in production at a time, or the version that a prediction names."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.nodes import Score, walk
from mlinfra_assets.feature_store.scoring import OnnxScorer
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.store import ModelStore


class ProductionScores:
    """Scores by the version in production at each row's known-at time, from the lake's record of promotions."""

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._timelines: dict[str, list[tuple[int, OnnxScorer]]] = {}

    def score(self, model: str, k: NDArray[np.int64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score some rows.

        Args:
            model: The model's name.
            k: Microseconds since 1970 in UTC, shape (n,).
            matrix: Shape (n, inputs), NaN for null.

        Returns:
            Shape (n,), NaN where no version was in production.
        """
        scores = np.full(len(matrix), np.nan)
        timeline = self._timeline(model)
        starts = np.array([start for start, _ in timeline], dtype=np.int64)
        place = np.searchsorted(starts, k, side="right") - 1
        for number, (_, scorer) in enumerate(timeline):
            rows = place == number
            if rows.any():
                scores[rows] = scorer.score(matrix[rows])
        return scores

    def _timeline(self, model: str) -> list[tuple[int, OnnxScorer]]:
        if model not in self._timelines:
            store = ModelStore(self._lake, model)
            scorers: dict[str, OnnxScorer] = {}
            found = []
            for promoted in store.promotions.all():
                if promoted.version not in scorers:
                    scorers[promoted.version] = store.load(promoted.version).scorer()
                found.append((to_micros(promoted.promoted_at), scorers[promoted.version]))
            self._timelines[model] = sorted(found, key=lambda entry: entry[0])
        return self._timelines[model]


class PinnedScores:
    """Scores by the versions that are named, whatever the time: for a replay."""

    def __init__(self, lake: Lake, versions: Mapping[str, str]) -> None:
        self._scorers = {model: ModelStore(lake, model).load(version).scorer() for model, version in versions.items()}

    def score(self, model: str, k: NDArray[np.int64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        """Score some rows; `k` does not matter. NaN if no version of the model is named: none was in production."""
        scorer = self._scorers.get(model)
        return np.full(len(k), np.nan) if scorer is None else scorer.score(matrix)


def check_scores(models: Mapping[str, ModelSpec], views: Mapping[str, FeatureView]) -> None:
    """Refuse declarations of models and views that do not fit each other.

    Raises:
        DefinitionError: A score of a model that is not declared, a score whose inputs are not the model's in its order,
            a model input that is no feature, that is no number, that needs a request, that has other keys, or that is
            the model's own score.
    """
    for view in views.values():
        for feature in view.features:
            for node in walk(feature.node):
                if isinstance(node, Score):
                    _check_score(f"view {view.name}: feature {feature.name}", node, models)
    for model in models.values():
        if model.spine.view not in views:
            raise DefinitionError(f"model {model.name}: its spine {model.spine.view!r} is no feature view")
        for reference in model.features:
            _check_input(model, reference, views)


def _check_score(where: str, node: Score, models: Mapping[str, ModelSpec]) -> None:
    if node.model not in models:
        raise DefinitionError(f"{where}: there is no model {node.model!r}; there are {', '.join(models) or 'none'}")
    given = [name for name, _ in node.inputs]
    wanted = [reference.partition(":")[2] for reference in models[node.model].features]
    if given != wanted:
        raise DefinitionError(f"{where}: model {node.model} takes, in this order, {wanted}; it is given {given}")


def _check_input(model: ModelSpec, reference: str, views: Mapping[str, FeatureView]) -> None:
    where = f"model {model.name}: input {reference!r}"
    name, _, feature_name = reference.partition(":")
    if name not in views:
        raise DefinitionError(f"{where}: there is no feature view {name!r}; there are {', '.join(views)}")
    view = views[name]
    feature = view.feature(feature_name)
    kind = view.schema[feature_name]
    if not (kind.numeric or kind.kind == "boolean"):
        raise DefinitionError(f"{where} is a {kind}: an input is a number or a condition")
    if view.requests_of(feature_name):
        needed = ", ".join(sorted(view.requests_of(feature_name)))
        raise DefinitionError(f"{where} needs the request value {needed}, which a training set does not have")
    if not set(view.join_keys) <= set(model.entity.join_keys):
        raise DefinitionError(f"{where}: its key {view.join_keys} is not part of {tuple(model.entity.join_keys)}")
    if any(isinstance(node, Score) and node.model == model.name for node in walk(feature.node)):
        raise DefinitionError(f"{where} is the model's own score")
