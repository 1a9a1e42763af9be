"""From a training set to a stored version and a decision: fit, convert, verify, measure, compare, promote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import orjson
import polars as pl
from numpy.typing import NDArray

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.scoring import OnnxScorer
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.learning.calibration import Bin, calibration, calibration_error
from mlinfra_assets.learning.cutoffs import HOLDOUT, TRAIN
from mlinfra_assets.learning.importance import Importance, importance
from mlinfra_assets.learning.matrix import matrix
from mlinfra_assets.learning.metrics import Metrics, measure
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.onnx_model import to_onnx, verify_scoring
from mlinfra_assets.learning.promote import Decision, decide
from mlinfra_assets.learning.promotions import NewPromotion
from mlinfra_assets.learning.store import ModelStore, StoredModel, version_of
from mlinfra_assets.learning.training_set import CUTOFF, LABEL, ROLE
from mlinfra_assets.learning.trainings import Training


@dataclass(frozen=True)
class Fitted:
    """A model as it will be stored, measured on its ONNX file.

    Attributes:
        onnx: The file.
        inputs: Names of its inputs, in order.
        train: Metrics on what it learned from.
        holdout: Metrics on the later cutoffs that it did not.
        baseline: Metrics of the base rate on those.
        calibration: Predicted against observed on those.
        importance: What each input is worth on those, the largest first.
        onnx_difference: Largest difference of a score from scikit-learn's own, which works in float64.
    """

    onnx: bytes
    inputs: tuple[str, ...]
    train: Metrics
    holdout: Metrics
    baseline: Metrics
    calibration: list[Bin]
    importance: list[Importance]
    onnx_difference: float

    @property
    def version(self) -> str:
        """Its version."""
        return version_of(self.onnx, self.inputs)

    def metrics(self) -> dict[str, object]:
        """Everything measured, JSON-ready."""
        return {
            "train": self.train.to_dict(),
            "holdout": self.holdout.to_dict(),
            "baseline": self.baseline.to_dict(),
            "calibration": [b.to_dict() for b in self.calibration],
            "calibration_error": calibration_error(self.calibration),
            "importance": [each.to_dict() for each in self.importance],
            "onnx_difference": self.onnx_difference,
        }


@dataclass(frozen=True)
class Trained:
    """What one training came to.

    Attributes:
        model: The version, as stored.
        fitted: Its measures.
        new: Whether this version was not there before.
        decision: Whether it goes into production, and why.
        promoted: Whether it did now: false too if it is there already.
    """

    model: StoredModel
    fitted: Fitted
    new: bool
    decision: Decision
    promoted: bool


def fit(model: ModelSpec, training: pl.DataFrame) -> Fitted:
    """Fit on the training cutoffs, convert, verify and measure. The same training set gives the same bytes.

    Args:
        model: The declaration.
        training: The frame of a `TrainingSet`.

    Raises:
        InvalidInputError: The training cutoffs hold one label only, or no rows.
        ScoringDiffersError: The ONNX file's scores depend on the batch they are made in.
    """
    learned, later = training.filter(pl.col(ROLE) == TRAIN), training.filter(pl.col(ROLE) == HOLDOUT)
    x, y = matrix(learned, model.features), _labels(learned)
    if len(np.unique(y)) != 2:
        raise InvalidInputError(
            f"model {model.name}: {len(y)} training rows with {int(y.sum())} positives: two kinds of labels are needed"
        )
    estimator = model.trainer.fit(x.astype(np.float32), y)
    onnx = to_onnx(estimator, model.name, model.features)
    scorer = OnnxScorer(onnx, tuple(model.features))
    scores = verify_scoring(model.name, scorer, x)
    later_x, later_y = matrix(later, model.features), _labels(later)
    later_scores = verify_scoring(model.name, scorer, later_x)
    own = estimator.predict_proba(x.astype(np.float32))[:, 1]
    return Fitted(
        onnx=onnx,
        inputs=tuple(model.features),
        train=measure(y, scores),
        holdout=measure(later_y, later_scores),
        baseline=_known_rate(y, later_y),
        calibration=calibration(later_y, later_scores),
        importance=importance(scorer, later_x, later_y, model.promotion.metric),
        onnx_difference=float(np.abs(scores - own).max()),
    )


def train_and_compare(
    model: ModelSpec,
    training: pl.DataFrame,
    store: ModelStore,
    at: datetime,
    *,
    training_table: str,
    training_version: int,
    provenance: Provenance,
    last_cutoff: datetime | None = None,
    reasons: str = "",
) -> Trained:
    """Train a version, keep it, and promote it if it beats the one in production on the same later data.

    Repeated on the same training set it writes nothing. That it was trained is the last thing that is written.

    Args:
        model: The declaration.
        training: The frame of a `TrainingSet`.
        store: The model's versions.
        at: Now, UTC: when the version was trained and from when on it is in production.
        training_table: The lake's table that holds `training`.
        training_version: That table's Delta version.
        provenance: Run and code version that the commits name.
        last_cutoff: The newest cutoff that the training set looked at, UTC. Default: the newest that has rows.
        reasons: Why it was asked for; empty: by hand.

    Raises:
        InvalidInputError: See `fit`.
        ScoringDiffersError: See `fit`.
        ModelDamagedError: The stored file of the version in production is not what it was.
    """
    fitted = fit(model, training)
    stored = StoredModel(
        name=model.name,
        version=fitted.version,
        trained_at=at,
        training_table=training_table,
        training_version=training_version,
        inputs=fitted.inputs,
        parameters=_json({**model.trainer.parameters(), "cutoffs": _cutoffs(training), "horizon": model.label.horizon}),
        metrics=_json(fitted.metrics()),
        onnx=fitted.onnx,
        code_version=provenance.code_version,
    )
    decision = compare(model, fitted, training, store)
    new = store.add(stored, provenance)
    metrics = _json({"challenger": decision.challenger.to_dict(), "champion": decision.champion.to_dict()})
    promoted = decision.promote and store.promote(
        NewPromotion(fitted.version, at, decision.why, metrics), provenance, instead_of=decision.champion_version
    )
    store.trainings.add(
        Training(
            at=at,
            reasons=reasons,
            training_version=training_version,
            last_cutoff=last_cutoff or _last_cutoff(training),
            version=fitted.version,
            champion=decision.champion_version,
            promoted=promoted,
            why=decision.why,
        ),
        provenance,
    )
    return Trained(stored if new else store.load(fitted.version), fitted, new, decision, promoted)


def compare(model: ModelSpec, fitted: Fitted, training: pl.DataFrame, store: ModelStore) -> Decision:
    """The decision on a fitted model beside what is in production now.

    Raises:
        ModelDamagedError: The stored file of the version in production is not what it was.
    """
    present = store.production()
    if present is None:
        return decide(model.promotion, fitted.holdout, fitted.baseline, None)
    decision = _beside(model, fitted, training, store, present.version)
    taken_out = store.promotions.rolled_back().get(fitted.version)
    if decision.promote and taken_out is not None:
        why = f"{taken_out.by} took this version out ({taken_out.why}), and only a person puts it back: {decision.why}"
        return replace(decision, promote=False, why=why)
    if decision.promote and model.promotion.shadow:
        return replace(decision, promote=False, why=f"it goes into shadow before it is promoted: {decision.why}")
    return decision


def _beside(model: ModelSpec, fitted: Fitted, training: pl.DataFrame, store: ModelStore, present: str) -> Decision:
    """The rule's decision beside the version in production."""
    if present == fitted.version:
        why = f"version {present} is in production already: the training set gave the same model"
        return Decision(False, why, fitted.holdout, fitted.holdout, present)
    champion = store.load(present)
    missing = [name for name in champion.inputs if name not in training.columns]
    if missing:
        found = decide(model.promotion, fitted.holdout, fitted.baseline, None)
        why = f"version {present} takes {', '.join(missing)}, not computable any more; so: {found.why}"
        return Decision(found.promote, why, found.challenger, found.champion, present)
    later = training.filter(pl.col(ROLE) == HOLDOUT)
    measured = measure(_labels(later), champion.scorer().score(matrix(later, champion.inputs)))
    return decide(model.promotion, fitted.holdout, measured, present)


def _known_rate(learned: NDArray[np.int64], later: NDArray[np.int64]) -> Metrics:
    """The base rate's metrics: the share of positives that was known when the model was fitted."""
    return measure(later, np.full(len(later), float(learned.mean())))


def _labels(frame: pl.DataFrame) -> NDArray[np.int64]:
    return frame[LABEL].to_numpy().astype(np.int64)


def _cutoffs(training: pl.DataFrame) -> dict[str, list[str]]:
    by_role = training.select(ROLE, CUTOFF).unique().sort(CUTOFF)
    return {
        role: [moment.date().isoformat() for moment in by_role.filter(pl.col(ROLE) == role)[CUTOFF]]
        for role in (TRAIN, HOLDOUT)
    }


def _last_cutoff(training: pl.DataFrame) -> datetime:
    newest = training[CUTOFF].max()
    assert isinstance(newest, datetime)  # noqa: S101 - a training set has rows, and its cutoffs are times
    return newest


def _json(value: Mapping[str, object]) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
