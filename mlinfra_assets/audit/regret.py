"""What late rows would have changed in what was decided: each prediction's score beside the one with hindsight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Regret:
    """A prediction that would have been another had the rows been known that came late.

    Attributes:
        prediction_id: Which.
        model: Its model.
        predicted_at: When, UTC.
        score: As it was answered.
        hindsight: With the late rows; null if the model has none for them.
        features: The features that would have had other values, `"view:feature"`.
        threshold: From which score on the model decides for yes, as declared now; null if it does not say.
    """

    prediction_id: str
    model: str
    predicted_at: datetime
    score: float | None
    hindsight: float | None
    features: tuple[str, ...]
    threshold: float | None

    @property
    def change(self) -> float | None:
        """By how much the score would have been higher; null if there is none to compare."""
        return None if self.score is None or self.hindsight is None else self.hindsight - self.score

    @property
    def flipped(self) -> bool | None:
        """Whether the decision would have been the other; null if nothing says where it turns."""
        if self.threshold is None or self.score is None or self.hindsight is None:
            return None
        return (self.score >= self.threshold) != (self.hindsight >= self.threshold)

    def to_dict(self) -> dict[str, object]:
        """A JSON-ready form."""
        found = {**self.__dict__, "predicted_at": self.predicted_at.isoformat(), "features": list(self.features)}
        return {**found, "change": self.change, "flipped": self.flipped}


@dataclass(frozen=True)
class ModelRegret:
    """The regrets of one model.

    Attributes:
        model: Which.
        different: Predictions that would have been others.
        mean_change: Mean of the sizes of the scores' changes.
        most_change: The largest of them.
        flipped: Decisions that would have been the other; null if the model does not say where they turn.
        by_feature: How many predictions each feature would have been another in, the most frequent first.
    """

    model: str
    different: int
    mean_change: float
    most_change: float
    flipped: int | None
    by_feature: Mapping[str, int]


def by_model(regrets: Sequence[Regret]) -> list[ModelRegret]:
    """The regrets of each model, in alphabetical order."""
    found = []
    for model in sorted({regret.model for regret in regrets}):
        mine = [regret for regret in regrets if regret.model == model]
        sizes = [abs(regret.change) for regret in mine if regret.change is not None]
        decided = [regret.flipped for regret in mine if regret.flipped is not None]
        features = [feature for regret in mine for feature in regret.features]
        counted = {feature: features.count(feature) for feature in sorted(set(features))}
        found.append(
            ModelRegret(
                model=model,
                different=len(mine),
                mean_change=sum(sizes) / len(sizes) if sizes else 0.0,
                most_change=max(sizes, default=0.0),
                flipped=sum(decided) if decided else None,
                by_feature=dict(sorted(counted.items(), key=lambda item: -item[1])),
            )
        )
    return found
