"""Whether a newly trained model goes into production: judged beside the present one on the same later data."""

from __future__ import annotations

from dataclasses import dataclass

from mlinfra_assets.learning.metrics import Metrics, gain
from mlinfra_assets.learning.model import Promotion

BASELINE = "the base rate"


@dataclass(frozen=True)
class Decision:
    """What was decided of a challenger, and why.

    Attributes:
        promote: Whether it goes into production.
        why: The reason, with the numbers, for a person.
        challenger: Its metrics on the holdout.
        champion: Metrics of what it was compared with, on the same holdout.
        champion_version: Version of the model in production; null while there is none and the base rate stood in.
    """

    promote: bool
    why: str
    challenger: Metrics
    champion: Metrics
    champion_version: str | None


def decide(rule: Promotion, challenger: Metrics, champion: Metrics, champion_version: str | None) -> Decision:
    """Apply a model's promotion rule.

    A tie keeps what is in production, whatever `min_gain` says.

    Args:
        rule: Metric, the gain that is asked for, and the fewest cases to judge by.
        challenger: Metrics of the new model on the holdout.
        champion: Metrics of the model in production, or of the base rate, on the same holdout.
        champion_version: Version of the model in production, or None.
    """

    def decision(promote: bool, why: str) -> Decision:
        return Decision(promote, why, challenger, champion, champion_version)

    rival = BASELINE if champion_version is None else f"version {champion_version}"
    if challenger.n < rule.min_rows:
        return decision(False, f"only {challenger.n} later cases, {rule.min_rows} are needed to judge")
    gained = gain(rule.metric, challenger, champion)
    if gained is None:
        return decision(
            False, f"{rule.metric} is undefined on the {challenger.n} later cases: they hold one label only"
        )
    ours, theirs = challenger.value(rule.metric), champion.value(rule.metric)
    numbers = f"{rule.metric} {ours:.4f} against {theirs:.4f} of {rival} on the same {challenger.n} later cases"
    if gained > 0 and gained >= rule.min_gain:
        return decision(True, f"{numbers}: better by {gained:.4f}")
    return decision(False, f"{numbers}: a gain of {gained:.4f}, asked for is above 0, at least {rule.min_gain:g}")
