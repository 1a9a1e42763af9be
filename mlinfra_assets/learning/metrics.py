"""How good probabilities are: discrimination, calibration and the numbers to hold them against."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from mlinfra_assets.errors import InvalidInputError

CLIP = 1e-7
"""Probabilities are kept this far from 0 and 1 in the log loss: float32 scores reach both."""
HIGHER_IS_BETTER: Mapping[str, bool] = {"auc": True, "log_loss": False, "brier": False}


@dataclass(frozen=True)
class Metrics:
    """Quality of probabilities against what happened.

    Attributes:
        n: Cases.
        positives: Cases whose label is 1.
        base_rate: Share of positives; null without cases.
        mean_score: Mean of the probabilities; null without cases.
        auc: Area under the ROC curve, ties counted half; null unless both labels occur.
        log_loss: Mean negative log likelihood (nats); null without cases.
        brier: Mean squared difference of probability and label; null without cases.
    """

    n: int
    positives: int
    base_rate: float | None
    mean_score: float | None
    auc: float | None
    log_loss: float | None
    brier: float | None

    def to_dict(self) -> dict[str, float | int | None]:
        """A JSON-ready form."""
        return asdict(self)

    def value(self, metric: str) -> float | None:
        """One of the metrics that models are compared by.

        Raises:
            InvalidInputError: There is no such metric.
        """
        if metric not in HIGHER_IS_BETTER:
            raise InvalidInputError(f"no metric {metric!r}: there are {', '.join(HIGHER_IS_BETTER)}")
        return getattr(self, metric)


def measure(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> Metrics:
    """Metrics of probabilities.

    Args:
        labels: 0 or 1, shape (n,).
        scores: Probability of 1, shape (n,).
    """
    n, positives = len(labels), int(labels.sum())
    if n == 0:
        return Metrics(0, 0, None, None, None, None, None)
    return Metrics(
        n=n,
        positives=positives,
        base_rate=positives / n,
        mean_score=float(scores.mean()),
        auc=_auc(labels, scores),
        log_loss=_log_loss(labels, scores),
        brier=float(np.mean((scores - labels) ** 2)),
    )


def gain(metric: str, challenger: Metrics, champion: Metrics) -> float | None:
    """By how much the challenger is better (negative: worse); null if one of them has no such value."""
    new, old = challenger.value(metric), champion.value(metric)
    if new is None or old is None:
        return None
    return new - old if HIGHER_IS_BETTER[metric] else old - new


def _auc(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float | None:
    """The Mann-Whitney statistic, from mid-ranks."""
    positives = int(labels.sum())
    negatives = len(labels) - positives
    if positives == 0 or negatives == 0:
        return None
    _, group, sizes = np.unique(scores, return_inverse=True, return_counts=True)
    last_rank = np.cumsum(sizes)
    ranks = (last_rank - (sizes - 1) / 2)[group]
    above = float(ranks[labels == 1].sum()) - positives * (positives + 1) / 2
    return above / (positives * negatives)


def _log_loss(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
    p = np.clip(scores, CLIP, 1 - CLIP)
    return float(-np.mean(np.where(labels == 1, np.log(p), np.log1p(-p))))
