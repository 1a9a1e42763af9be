"""What each input is worth to a model: by how much it does worse on the holdout when the input is shuffled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import fsum

import numpy as np
from numpy.typing import NDArray

from mlinfra_assets.feature_store.scoring import OnnxScorer
from mlinfra_assets.learning import charts
from mlinfra_assets.learning.metrics import HIGHER_IS_BETTER, measure

REPEATS = 5
MOST_ROWS = 5_000
SEED = 7


@dataclass(frozen=True)
class Importance:
    """One input.

    Attributes:
        input: Its name.
        loss: By how much the metric is worse, in the mean of all repeats; around 0 for what the model does not need.
        spread: The largest distance of a repeat from that mean.
    """

    input: str
    loss: float
    spread: float

    def to_dict(self) -> dict[str, float | str]:
        """A JSON-ready form."""
        return asdict(self)


def importance(
    scorer: OnnxScorer, features: NDArray[np.float64], labels: NDArray[np.int64], metric: str
) -> list[Importance]:
    """Permutation importance of each input, the largest first; the same cases give the same numbers.

    Args:
        scorer: The stored model.
        features: Cases that it did not learn from, shape (n, inputs). Of more than `MOST_ROWS` some are drawn.
        labels: 0 or 1, shape (n,).
        metric: What is measured: `auc`, `log_loss` or `brier`.

    Returns:
        Nothing where the metric is undefined: without cases, or with one label only.
    """
    if len(labels) > MOST_ROWS:
        drawn = np.sort(np.random.default_rng(SEED).choice(len(labels), MOST_ROWS, replace=False))
        features, labels = features[drawn], labels[drawn]
    whole = measure(labels, scorer.score(features)).value(metric)
    if whole is None:
        return []
    sign = 1 if HIGHER_IS_BETTER[metric] else -1
    found: list[Importance] = []
    for place, name in enumerate(scorer.inputs):
        losses: list[float] = []
        for repeat in range(REPEATS):
            shuffled = features.copy()
            order = np.random.default_rng([SEED, place, repeat]).permutation(len(labels))
            shuffled[:, place] = features[order, place]
            value = measure(labels, scorer.score(shuffled)).value(metric)
            losses.append(0.0 if value is None else sign * (whole - value))
        mean = fsum(losses) / REPEATS
        found.append(Importance(name, mean, max(abs(loss - mean) for loss in losses)))
    return sorted(found, key=lambda each: (-each.loss, each.input))


def chart(found: Sequence[Importance], metric: str) -> str:
    """The inputs as bars, the largest first; SVG."""
    return charts.bars(
        f"{metric} lost on later cutoffs when an input is shuffled",
        {each.input: each.loss for each in found},
        {each.input: each.spread for each in found},
    )
