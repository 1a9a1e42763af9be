"""Feature vectors of logged predictions, computed again from raw: one evaluation for each state of a view."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import orjson
import polars as pl

from mlinfra_assets.audit.bits import Value, as_logged
from mlinfra_assets.audit.documents import registered_view
from mlinfra_assets.audit.from_raw import FromRaw, Wanted
from mlinfra_assets.audit.logged import LoggedPrediction
from mlinfra_assets.audit.report import Missing
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.features_of import features_of
from mlinfra_assets.learning.scores import PinnedScores
from mlinfra_assets.positions import Positions
from mlinfra_assets.registry.registry import Registry


@dataclass
class Vectors:
    """What raw gives.

    Attributes:
        values: Recomputed value by prediction id and `"view:feature"`; whole only for those that are not missing.
        missing: Predictions that could not be recomputed.
        rows: The recomputed rows by view and version, for whoever explains a difference.
    """

    values: dict[str, dict[str, Value]] = field(default_factory=lambda: defaultdict(dict))
    missing: list[Missing] = field(default_factory=list)
    rows: dict[tuple[str, str], tuple[ViewDocument, pl.DataFrame]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Asked:
    """One prediction's features of one view."""

    prediction: LoggedPrediction
    features: tuple[str, ...]
    watermark: Positions


def recompute(predictions: Sequence[LoggedPrediction], from_raw: FromRaw, registry: Registry, lake: Lake) -> Vectors:
    """The vectors of predictions from raw, by the view versions and watermarks that they name."""
    vectors = Vectors()
    for (name, version), asked in _by_version(predictions, vectors).items():
        try:
            document = registered_view(registry, name, version)
            _evaluate_version(document, _answerable(document, asked, vectors), from_raw, lake, vectors)
        except MlinfraError as error:
            vectors.missing += [Missing(prediction.prediction_id, str(error)) for prediction, _ in asked]
    return vectors


def _by_version(
    predictions: Sequence[LoggedPrediction], vectors: Vectors
) -> dict[tuple[str, str], list[tuple[LoggedPrediction, tuple[str, ...]]]]:
    """Which predictions used which version of which view, and the features of it that they used."""
    groups: dict[tuple[str, str], list[tuple[LoggedPrediction, tuple[str, ...]]]] = defaultdict(list)
    for prediction in predictions:
        wanted: dict[str, list[str]] = defaultdict(list)
        for reference in prediction.features:
            view, _, feature = reference.partition(":")
            wanted[view].append(feature)
        for view, features in wanted.items():
            if view in prediction.views:
                groups[view, prediction.views[view].version].append((prediction, tuple(features)))
            else:
                why = f"the event does not say which version of view {view} it used"
                vectors.missing.append(Missing(prediction.prediction_id, why))
    return groups


def _answerable(
    document: ViewDocument, asked: Sequence[tuple[LoggedPrediction, tuple[str, ...]]], vectors: Vectors
) -> list[_Asked]:
    """Those predictions whose event says what has to be known."""
    view, found = document.view, []
    for prediction, features in asked:
        watermark = prediction.views[view.name].watermark.get(view.dataset.source)
        why = _wrong_key(view, prediction) or (
            f"the event has no watermark of {view.dataset.source} for view {view.name}" if watermark is None else None
        )
        if why is not None or watermark is None:
            vectors.missing.append(Missing(prediction.prediction_id, why or ""))
        else:
            found.append(_Asked(prediction, features, watermark))
    return found


def _wrong_key(view: FeatureView, prediction: LoggedPrediction) -> str | None:
    for key, kind in view.key_schema.items():
        value = prediction.entity.get(key)
        if type(value) is not (int if kind.kind == "int64" else str):
            return f"the event's entity has {key}={value!r}, where view {view.name} has a key of type {kind}"
    return None


def _evaluate_version(
    document: ViewDocument, asked: Sequence[_Asked], from_raw: FromRaw, lake: Lake, vectors: Vectors
) -> None:
    """Rows from raw once, up to the furthest watermark; then one evaluation for each watermark."""
    if not asked:
        return
    upto = _union([a.watermark for a in asked])
    entities = _entities(document.view, [a.prediction for a in asked])
    rows = from_raw.rows(Wanted(document, upto, entities))
    vectors.rows[document.view.name, asked[0].prediction.views[document.view.name].version] = (document, rows)
    groups: dict[tuple[str, tuple[str, ...], str], list[_Asked]] = defaultdict(list)
    for one in asked:
        scores = orjson.dumps(one.prediction.scores, option=orjson.OPT_SORT_KEYS).decode()
        groups[one.watermark.to_json(), one.features, scores].append(one)
    for group in groups.values():
        try:
            _evaluate_group(document.view, group, rows, lake, vectors)
        except MlinfraError as error:
            vectors.missing += [Missing(one.prediction.prediction_id, str(error)) for one in group]


def _evaluate_group(
    view: FeatureView, group: Sequence[_Asked], rows: pl.DataFrame, lake: Lake, vectors: Vectors
) -> None:
    first = group[0]
    view = features_of(view, first.features)
    scored = first.prediction.scores
    models = PinnedScores(lake, {model: scored[model] for model in view.models if model in scored})
    entities = _entities(view, [one.prediction for one in group])
    prepared = prepare(view, rows, covered=first.watermark, only=entities)
    t = np.array([one.prediction.predicted_at for one in group], dtype=np.int64)
    found = evaluate(view, prepared, entities, t, None, models)
    for one, values in zip(group, found.iter_rows(named=True), strict=True):
        for feature in first.features:
            vectors.values[one.prediction.prediction_id][f"{view.name}:{feature}"] = as_logged(values[feature])


def _entities(view: FeatureView, predictions: Sequence[LoggedPrediction]) -> pl.DataFrame:
    values = {key: [prediction.entity[key] for prediction in predictions] for key in view.join_keys}
    return pl.DataFrame(values, schema=dtypes(view.key_schema))


def _union(watermarks: Sequence[Positions]) -> Positions:
    """The smallest watermark that contains all."""
    offsets: dict[int, int] = {}
    for watermark in watermarks:
        for partition, offset in watermark.offsets.items():
            offsets[partition] = max(offset, offsets.get(partition, -1))
    return Positions(offsets, max(watermark.releases for watermark in watermarks))
