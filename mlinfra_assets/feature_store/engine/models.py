"""What the engine asks of models whose scores are features."""

from __future__ import annotations

from typing import Protocol

import numpy as np


class ScoreModels(Protocol):
    """Scores by whatever version of a model was in production."""

    def score(self, model: str, k: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """Score some rows.

        Args:
            model: The model's name.
            k: int64[n], microseconds since 1970 UTC: the version in production at this time scores the row.
            matrix: float64[n, inputs], NaN for null, inputs in the order of the definition.

        Returns:
            float64[n], NaN where no version was in production.
        """
        ...
