"""Model scores as features of a read: by the version in production that Redis holds."""

from __future__ import annotations

import numpy as np

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.feature_store.nodes import Score, walk
from mlinfra_assets.feature_store.online.models import OnlineModel, OnlineModels
from mlinfra_assets.feature_store.view import FeatureView


class OnlineScores:
    """The models whose scores are features of a view, as they are at one moment.

    Args:
        models: Where they are.
        view: The view.
        t: The moment, microseconds since 1970 UTC. A version promoted later does not score: its score is null.

    Raises:
        UnavailableError: The version in production takes other inputs than the view gives it.
    """

    def __init__(self, models: OnlineModels, view: FeatureView, t: int) -> None:
        found = {name: models.find(name) for name in view.models}
        self._models = {n: m for n, m in found.items() if m is not None and m.promoted_at <= t}
        for feature in view.features:
            for node in walk(feature.node):
                if isinstance(node, Score) and node.model in self._models:
                    _check_inputs(f"{view.name}:{feature.name}", node, self._models[node.model])

    @property
    def versions(self) -> dict[str, str]:
        """Version of each model that scores."""
        return {name: model.version for name, model in self._models.items()}

    def score(self, model: str, k: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """Score some rows, all of the same moment; NaN (float64[n]) if no version is in production."""
        found = self._models.get(model)
        return np.full(len(k), np.nan) if found is None else found.scorer.score(matrix)


def _check_inputs(feature: str, node: Score, model: OnlineModel) -> None:
    given = [name for name, _ in node.inputs]
    wanted = [reference.partition(":")[2] for reference in model.inputs]
    if given != wanted:
        raise UnavailableError(
            f"feature {feature}: version {model.version} of model {node.model} takes {', '.join(wanted)}, and the view "
            f"in Redis gives it {', '.join(given)}: push the view and the model of one release"
        )
