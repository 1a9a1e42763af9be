"""The declaration of what is watched of a model in production, and of the limits past which it warns."""

from __future__ import annotations

from dataclasses import dataclass

from mlinfra_assets.feature_store.duration import parse_duration
from mlinfra_assets.feature_store.errors import DefinitionError


@dataclass(frozen=True)
class Monitoring:
    """Limits of a model in production. Past one a check warns, and a retraining is asked for where it is declared.

    Attributes:
        window: The predictions of the last so long, up to the newest, are held against the training set.
        min_cases: Fewer predictions, or fewer labels, judge nothing.
        psi: Largest population stability index of a feature or of the score. 0.1 is a small change, 0.25 a large one.
        ks: Largest Kolmogorov-Smirnov distance of a feature or of the score.
        max_loss: By how much the promotion's metric may be worse in production than it was on the holdout.
        calibration_error: Largest mean distance of predicted and observed probability.
    """

    window: str = "30d"
    min_cases: int = 100
    psi: float = 0.25
    ks: float = 0.25
    max_loss: float = 0.1
    calibration_error: float = 0.1

    def __post_init__(self) -> None:
        parse_duration(self.window, "monitoring window")
        if self.min_cases < 1:
            raise DefinitionError(f"monitoring min_cases={self.min_cases}: at least 1")
        for name in ("psi", "ks", "max_loss", "calibration_error"):
            if not getattr(self, name) > 0:
                raise DefinitionError(f"monitoring {name}={getattr(self, name)}: a limit above 0")

    @property
    def window_us(self) -> int:
        """The window in microseconds."""
        return parse_duration(self.window, "monitoring window")
