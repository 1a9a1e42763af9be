"""What a model learns from: entities at past moments, the features known then, and what came true after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlinfra_assets.clock import from_micros
from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.models import ScoreModels
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.reader import SourceReader
from mlinfra_assets.feature_store.snapshot import snapshot
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.learning.cutoffs import Cutoffs, moments, split
from mlinfra_assets.learning.known_past import complete_to, first_event
from mlinfra_assets.learning.model import ModelSpec

CUTOFF, ROLE, LABEL = "cutoff", "role", "label"
TIMESTAMP = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class TrainingSet:
    """A training set, in memory.

    Attributes:
        frame: One row an entity and cutoff, ordered by them: `cutoff` (UTC), `role` (`train`, `gap` or `holdout`), the
            join keys, each input as `"view:feature"`, and `label` (0 or 1). A null label makes no row.
        cutoffs: The moments and their roles.
        complete: Up to when everything that happened was taken to be known (UTC).
        without_label: Rows left out because their label is null.
    """

    frame: pl.DataFrame
    cutoffs: Cutoffs
    complete: datetime
    without_label: int


def build_training_set(
    model: ModelSpec,
    views: Mapping[str, FeatureView],
    read: SourceReader,
    now: datetime,
    *,
    models: ScoreModels | None = None,
    also: Sequence[str] = (),
) -> TrainingSet:
    """Compute a model's training set: point-in-time features (known at the cutoff) and labels (known at the horizon).

    Args:
        model: The declaration.
        views: Every declared feature view, by name.
        read: Rows of the datasets.
        now: The present, UTC. What lies past the newest row of the label's dataset counts as unknown too.
        models: Scores, if an input is one.
        also: Further features to compute, such as the inputs of the version in production; those that are no longer
            declared are left out.

    Raises:
        TooLittleHistoryError: There is nothing to learn from or to judge by yet.
    """
    prepared = _Prepared(read)
    label = model.label.view
    rows = read.rows(label.dataset.name, label.columns)
    complete = complete_to(rows, now)
    spine = model.spine
    begin = first_event(rows)
    found = [] if begin is None else moments(begin, complete, spine.warmup_us, spine.every_us, model.label.horizon_us)
    cutoffs = split(model, found)
    entities, t = _spine(model, views[spine.view], prepared, cutoffs)
    columns = [
        pl.Series(CUTOFF, t).cast(TIMESTAMP),
        pl.Series(ROLE, [cutoffs.roles[int(moment)] for moment in t], dtype=pl.String()),
        *entities.get_columns(),
        *_inputs([*model.features, *_declared(also, views, model)], views, prepared, entities, t, models),
        _label(model, prepare(label, rows), entities, t),
    ]
    frame = pl.DataFrame(columns)
    labelled = frame.drop_nulls(LABEL).sort(CUTOFF, *entities.columns)
    return TrainingSet(labelled, cutoffs, from_micros(complete), frame.height - labelled.height)


class _Prepared:
    """The prepared rows of each view, made when they are first needed."""

    def __init__(self, read: SourceReader) -> None:
        self._read = read
        self._made: dict[str, PreparedRows] = {}

    def of(self, view: FeatureView) -> PreparedRows:
        if view.name not in self._made:
            self._made[view.name] = prepare(view, self._read.rows(view.dataset.name, view.columns))
        return self._made[view.name]


def _spine(
    model: ModelSpec, view: FeatureView, prepared: _Prepared, cutoffs: Cutoffs
) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    """Whom to learn from and when: the entities that the view serves at each cutoff."""
    days = [from_micros(moment).date() for moment in cutoffs.all]
    served = snapshot(view, prepared.of(view), days).select("day", *model.entity.join_keys).unique()
    served = served.sort("day", *model.entity.join_keys)
    moment = dict(zip(days, cutoffs.all, strict=True))
    t = np.array([moment[day] for day in served["day"]], dtype=np.int64)
    return served.drop("day"), t


def _inputs(
    references: Sequence[str],
    views: Mapping[str, FeatureView],
    prepared: _Prepared,
    entities: pl.DataFrame,
    t: NDArray[np.int64],
    models: ScoreModels | None,
) -> list[pl.Series]:
    values: dict[str, pl.DataFrame] = {}
    for name in dict.fromkeys(reference.partition(":")[0] for reference in references):
        view = views[name]
        values[name] = evaluate(view, prepared.of(view), entities.select(view.join_keys), t, None, models)
    return [
        values[reference.partition(":")[0]][reference.partition(":")[2]].alias(reference)
        for reference in dict.fromkeys(references)
    ]


def _label(model: ModelSpec, rows: PreparedRows, entities: pl.DataFrame, t: NDArray[np.int64]) -> pl.Series:
    view = model.label.view
    values = evaluate(view, rows, entities.select(view.join_keys), t + model.label.horizon_us, None, None)
    return values[model.label.feature].cast(pl.Int64).alias(LABEL)


def _declared(references: Sequence[str], views: Mapping[str, FeatureView], model: ModelSpec) -> list[str]:
    """Those references that are features of today's views and can be computed for the model's entity."""
    keys = set(model.entity.join_keys)
    split_ = [(reference, *reference.partition(":")[::2]) for reference in references]
    return [r for r, v, f in split_ if v in views and f in views[v].schema and set(views[v].join_keys) <= keys]
