"""The declaration of a model: what it predicts, of whom, from which features, how it is trained and when promoted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from mlinfra_assets.feature_store.duration import UNITS, parse_duration
from mlinfra_assets.feature_store.entity import Entity, check_name
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.learning.metrics import HIGHER_IS_BETTER
from mlinfra_assets.learning.monitoring import Monitoring
from mlinfra_assets.learning.retraining import Retraining
from mlinfra_assets.learning.trainer import Trainer

DAY = UNITS["d"]


@dataclass(frozen=True)
class Label:
    """What came true: a boolean (or 0/1) feature, evaluated one horizon after the moment of the prediction.

    The value at `t + horizon`, as known at `t + horizon`: a window as long as the horizon looks at `(t, t + horizon]`.

    Attributes:
        view: The view that holds the label; of a feature store of its own, so that nothing serves it.
        feature: The label's name in that view.
        horizon: How far ahead: `"60d"`.
    """

    view: FeatureView
    feature: str
    horizon: str

    def __post_init__(self) -> None:
        parse_duration(self.horizon, f"horizon of label {self.feature}")
        kind = self.view.schema[self.view.feature(self.feature).name].kind
        if kind not in {"boolean", "int64"}:
            raise DefinitionError(f"label {self.view.name}:{self.feature} is a {kind}, not a condition or 0 and 1")

    @property
    def horizon_us(self) -> int:
        """The horizon in microseconds."""
        return parse_duration(self.horizon, "horizon")


@dataclass(frozen=True)
class Spine:
    """Which entities are learned from, and when: those that a view serves at the end of every so many days.

    Attributes:
        view: Name of the view.
        every: Whole days between two cutoffs. Cutoffs are aligned to the calendar (days since 1970), not to the data,
            so that a later training adds some and moves none.
        warmup: How much history has to precede the first cutoff.
    """

    view: str
    every: str = "14d"
    warmup: str = "30d"

    def __post_init__(self) -> None:
        if self.every_us % DAY:
            raise DefinitionError(f"spine every={self.every!r}: cutoffs are ends of days, write whole days")
        parse_duration(self.warmup, "warmup")

    @property
    def every_us(self) -> int:
        """Time between two cutoffs in microseconds."""
        return parse_duration(self.every, "every")

    @property
    def warmup_us(self) -> int:
        """History before the first cutoff in microseconds."""
        return parse_duration(self.warmup, "warmup")


@dataclass(frozen=True)
class Promotion:
    """When a new version replaces the one in production.

    Attributes:
        metric: `auc`, `log_loss` or `brier`, on the holdout.
        min_gain: By how much it has to be better. A tie never promotes.
        holdout: Share of the cutoffs, the latest ones, that nothing is learned from.
        min_rows: Fewest cases to judge by, on the holdout or in shadow.
        shadow: Whether what is better on the holdout has to be better in shadow too, on the predictions that both made
            since it was trained and whose outcome is known.
    """

    metric: str = "auc"
    min_gain: float = 0.0
    holdout: float = 0.25
    min_rows: int = 100
    shadow: bool = False

    def __post_init__(self) -> None:
        if self.metric not in HIGHER_IS_BETTER:
            raise DefinitionError(f"promotion metric {self.metric!r}: choose one of {', '.join(HIGHER_IS_BETTER)}")
        if not 0 < self.holdout < 1:
            raise DefinitionError(f"promotion holdout={self.holdout}: a share between 0 and 1")


@dataclass(frozen=True)
class ModelSpec:
    """A model, declared.

    Attributes:
        name: Lower case, digits and underscores.
        entity: Whom a prediction is about.
        features: Inputs in order, each `"view:feature"`.
        label: What came true.
        spine: Whom and when to learn from.
        trainer: How to fit.
        promotion: When to put into production.
        monitoring: Limits past which it warns in production.
        retraining: When to train again.
        threshold: From which score on it is decided for yes; None: nothing is decided by it. For the report of what
            late data would have turned.
        owner: Whom to ask.
        description: What a score means, for people.
    """

    name: str
    entity: Entity
    features: Sequence[str]
    label: Label
    spine: Spine
    trainer: Trainer
    promotion: Promotion = field(default_factory=Promotion)
    monitoring: Monitoring = field(default_factory=Monitoring)
    retraining: Retraining = field(default_factory=Retraining)
    threshold: float | None = None
    owner: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        check_name("model", self.name)
        object.__setattr__(self, "features", tuple(self.features))
        if not self.features or len(set(self.features)) != len(self.features):
            raise DefinitionError(f"model {self.name}: features has to name one or more different features")
        for feature in self.features:
            view, _, name = feature.partition(":")
            if not view or not name:
                raise DefinitionError(f'model {self.name}: {feature!r} is not a feature; write "view:feature"')
