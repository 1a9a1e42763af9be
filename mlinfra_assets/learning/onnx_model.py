"""From a fitted estimator to the ONNX file that is stored, measured and served; and the proof that it serves alike."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.scoring import OnnxScorer

OPSET = 17
INPUT = "features"


class ScoringDiffersError(MlinfraError):
    """A model whose scores depend on how many rows are scored together, or which gives no probability."""


def to_onnx(estimator: Any, name: str, inputs: Sequence[str]) -> bytes:  # noqa: ANN401 - a scikit-learn estimator
    """The ONNX file of a fitted classifier: one float32 input (n, inputs), probabilities of both classes out.

    The graph is named for the model, since the converter's own name is random and the same estimator has to give the
    same bytes.
    """
    from skl2onnx import convert_sklearn
    from skl2onnx.common.data_types import FloatTensorType

    with warnings.catch_warnings():
        # The converter writes booleans into integer fields, which protobuf accepts and announces to refuse one day.
        warnings.filterwarnings("ignore", message=".*Expected an int, got a boolean", category=DeprecationWarning)
        model = convert_sklearn(
            estimator,
            name=name,
            initial_types=[(INPUT, FloatTensorType([None, len(inputs)]))],
            options={id(estimator): {"zipmap": False}},
            target_opset=OPSET,
        )
    return model.SerializeToString()  # pyright: ignore[reportAttributeAccessIssue] - without intermediate steps: one model


def verify_scoring(model: str, scorer: OnnxScorer, features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scores of all rows at once, after proving that each row alone scores the same, bit for bit.

    Serving scores one entity, training thousands, and a replay any number: only a model that cannot tell may be stored.

    Raises:
        ScoringDiffersError: A row scores differently alone, or a score is no probability.
    """
    together = scorer.score(features)
    alone = np.array([scorer.score(features[i : i + 1])[0] for i in range(len(features))], dtype=np.float64)
    differs = np.flatnonzero(together.view(np.int64) != alone.view(np.int64))
    if len(differs):
        row = int(differs[0])
        raise ScoringDiffersError(
            f"model {model}: {len(differs)} of {len(features)} rows score differently alone and in a batch (row {row}: "
            f"{float(alone[row])!r} and {float(together[row])!r}): it cannot be served; use a tree ensemble"
        )
    invalid = np.flatnonzero(~((together >= 0) & (together <= 1)))
    if len(invalid):
        row = int(invalid[0])
        raise ScoringDiffersError(f"model {model}: row {row} scores {float(together[row])!r}, no probability")
    return together
