"""What a model learns from: entities at past moments, the features known then, and what came true after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlinfra_assets import names
from mlinfra_assets.clock import from_micros
from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.models import ScoreModels
from mlinfra_assets.feature_store.engine.related import prepare_view
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.reader import SourceReader
from mlinfra_assets.feature_store.snapshot import snapshot
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.learning.cutoffs import Cutoffs, moments, split
from mlinfra_assets.learning.features_of import features_of
from mlinfra_assets.learning.known_past import complete_to, first_event
from mlinfra_assets.learning.model import ModelSpec

CUTOFF, ROLE, LABEL = "cutoff", "role", "label"
LAST_CUTOFF = "last_cutoff"
"""What a training set's commit says of its newest moment, which need not have rows: ISO, UTC."""
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
    references = list(dict.fromkeys([*model.features, *_declared(also, views, model)]))
    sources = _Views(views, references, read)
    label = model.label.view
    rows = read.rows(label.dataset.name, [names.EVENT_TIME, names.KNOWN_AT])
    complete = complete_to(rows, now)
    spine = model.spine
    begin = first_event(rows)
    found = [] if begin is None else moments(begin, complete, spine.warmup_us, spine.every_us, model.label.horizon_us)
    cutoffs = split(model, found)
    entities, t = _spine(model, sources, cutoffs, models)
    columns = [
        pl.Series(CUTOFF, t).cast(TIMESTAMP),
        pl.Series(ROLE, [cutoffs.roles[int(moment)] for moment in t], dtype=pl.String()),
        *entities.get_columns(),
        *_inputs(references, sources, entities, t, models),
        _label(model, prepare_view(label, read, only=entities), entities, t),
    ]
    frame = pl.DataFrame(columns)
    labelled = frame.drop_nulls(LABEL).sort(CUTOFF, *entities.columns)
    return TrainingSet(labelled, cutoffs, from_micros(complete), frame.height - labelled.height)


class _Views:
    """Each view cut down to the features that are asked for, with its prepared rows, made when first needed."""

    def __init__(self, views: Mapping[str, FeatureView], references: Sequence[str], read: SourceReader) -> None:
        self._views = views
        self._read = read
        self._wanted: dict[str, list[str]] = {}
        for reference in references:
            name, _, feature = reference.partition(":")
            self._wanted.setdefault(name, []).append(feature)
        self._made: dict[str, tuple[FeatureView, PreparedRows]] = {}

    def __getitem__(self, name: str) -> tuple[FeatureView, PreparedRows]:
        if name not in self._made:
            view = self._views[name]
            view = features_of(view, self._wanted.get(name, [view.features[0].name]))
            self._made[name] = (view, prepare_view(view, self._read))
        return self._made[name]


def _spine(
    model: ModelSpec, views: _Views, cutoffs: Cutoffs, models: ScoreModels | None
) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    """Whom to learn from and when: the entities that the view serves at each cutoff."""
    days = [from_micros(moment).date() for moment in cutoffs.all]
    view, prepared = views[model.spine.view]
    served = snapshot(view, prepared, days, models).select("day", *model.entity.join_keys).unique()
    served = served.sort("day", *model.entity.join_keys)
    moment = dict(zip(days, cutoffs.all, strict=True))
    t = np.array([moment[day] for day in served["day"]], dtype=np.int64)
    return served.drop("day"), t


def _inputs(
    references: Sequence[str], views: _Views, entities: pl.DataFrame, t: NDArray[np.int64], models: ScoreModels | None
) -> list[pl.Series]:
    values: dict[str, pl.DataFrame] = {}
    for name in dict.fromkeys(reference.partition(":")[0] for reference in references):
        view, prepared = views[name]
        values[name] = evaluate(view, prepared, entities.select(view.join_keys), t, None, models)
    return [
        values[name][feature].alias(f"{name}:{feature}") for name, _, feature in (r.partition(":") for r in references)
    ]


def _label(model: ModelSpec, rows: PreparedRows, entities: pl.DataFrame, t: NDArray[np.int64]) -> pl.Series:
    view = model.label.view
    values = evaluate(view, rows, entities.select(view.join_keys), t + model.label.horizon_us, None, None)
    return values[model.label.feature].cast(pl.Int64).alias(LABEL)


def _declared(references: Sequence[str], views: Mapping[str, FeatureView], model: ModelSpec) -> list[str]:
    """Those references that are features of today's views and can be computed for the model's entity."""
    keys = set(model.entity.join_keys)
    split_ = [(reference, *reference.partition(":")[::2]) for reference in references]
    known = [(r, views[v], f) for r, v, f in split_ if v in views and f in views[v].schema]
    return [r for r, view, f in known if set(view.join_keys) <= keys and not view.requests_of(f)]
