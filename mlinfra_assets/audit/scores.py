"""Scores of logged predictions, computed again from recomputed vectors by the model version that each names."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np

from mlinfra_assets.audit.bits import Value
from mlinfra_assets.audit.logged import LoggedPrediction
from mlinfra_assets.audit.report import Missing
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.store import ModelStore


def rescore(
    predictions: Sequence[LoggedPrediction], values: Mapping[str, Mapping[str, Value]], lake: Lake
) -> tuple[dict[str, float | None], list[Missing]]:
    """The score of each prediction by its id, and the predictions that cannot be scored.

    Args:
        predictions: Those whose vectors were recomputed.
        values: Recomputed value by prediction id and `"view:feature"`.
        lake: Where the models are.
    """
    scores: dict[str, float | None] = {}
    missing: list[Missing] = []
    groups: dict[tuple[str, str], list[LoggedPrediction]] = defaultdict(list)
    for prediction in predictions:
        groups[prediction.model, prediction.model_version].append(prediction)
    for (model, version), group in groups.items():
        try:
            stored = ModelStore(lake, model).load(version)
        except MlinfraError as error:
            missing += [Missing(prediction.prediction_id, str(error)) for prediction in group]
            continue
        whole = []
        for prediction in group:
            if set(prediction.features) == set(stored.inputs):
                whole.append(prediction)
            else:
                why = f"the logged vector is not that of {model} {version}, which takes {', '.join(stored.inputs)}"
                missing.append(Missing(prediction.prediction_id, why))
        matrix = [[_number(values[p.prediction_id][name]) for name in stored.inputs] for p in whole]
        found = stored.scorer().score(np.array(matrix, dtype=np.float64).reshape(len(whole), len(stored.inputs)))
        for prediction, score in zip(whole, found.tolist(), strict=True):
            scores[prediction.prediction_id] = None if math.isnan(score) else score
    return scores, missing


def _number(value: Value) -> float:
    # A list is no input of a model: a vector that holds one is compared as it is, and has no score.
    return math.nan if value is None or isinstance(value, list) else float(value)
