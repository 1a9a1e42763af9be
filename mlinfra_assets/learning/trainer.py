"""How a model is fitted: an estimator's settings as data, so that a stored model says how it came to be."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray


class Trainer(Protocol):
    """Fits a probabilistic binary classifier. The same input gives the same estimator, to the last bit."""

    def fit(self, features: NDArray[np.float32], labels: NDArray[np.int64]) -> Any:  # noqa: ANN401 - any of sklearn's
        """A fitted scikit-learn estimator with `predict_proba`.

        Args:
            features: Shape (n, inputs), NaN for null.
            labels: 0 or 1, shape (n,).
        """
        ...

    def parameters(self) -> dict[str, object]:
        """What the model's record keeps of how it was fitted: the kind of estimator and its settings."""
        ...


@dataclass(frozen=True)
class GradientBoosting:
    """Histogram gradient boosting of decision trees; it takes nulls as they are.

    Attributes:
        iterations: Trees.
        learning_rate: Weight of each tree.
        leaves: Most leaves of a tree.
        min_leaf: Fewest cases in a leaf.
        l2: L2 regularization of the leaves.
        seed: Seed of the binning's subsample.
    """

    iterations: int = 120
    learning_rate: float = 0.05
    leaves: int = 15
    min_leaf: int = 40
    l2: float = 1.0
    seed: int = 7

    def fit(self, features: NDArray[np.float32], labels: NDArray[np.int64]) -> Any:  # noqa: ANN401 - an estimator
        """A fitted `HistGradientBoostingClassifier`; no early stopping, whose split would be a hidden holdout.

        One thread: the result is the same with any number, and beside other work on few cores the helper threads spin
        for longer than they save.
        """
        from sklearn.ensemble import HistGradientBoostingClassifier
        from threadpoolctl import threadpool_limits

        estimator = HistGradientBoostingClassifier(
            max_iter=self.iterations,
            learning_rate=self.learning_rate,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.min_leaf,
            l2_regularization=self.l2,
            early_stopping=False,  # pyright: ignore[reportArgumentType] - "auto" or a boolean
            random_state=self.seed,
        )
        with threadpool_limits(limits=1, user_api="openmp"):
            return estimator.fit(features, labels)

    def parameters(self) -> dict[str, object]:
        """The estimator's name and its settings."""
        return {"estimator": "HistGradientBoostingClassifier", **asdict(self)}
