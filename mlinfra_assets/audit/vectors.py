"""Feature vectors of logged predictions, computed again from raw: one evaluation for each state of a view."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import orjson
import polars as pl

from mlinfra_assets.audit.bits import Value, as_logged
from mlinfra_assets.audit.documents import registered_view
from mlinfra_assets.audit.fed_live import refeed
from mlinfra_assets.audit.from_raw import FromRaw
from mlinfra_assets.audit.late_known import LateKnown
from mlinfra_assets.audit.logged import LoggedPrediction
from mlinfra_assets.audit.raw_datasets import RawDatasets, from_raw, sources
from mlinfra_assets.audit.report import Missing
from mlinfra_assets.audit.requests import request_of, wrong_request
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.engine.evaluate import HINDSIGHT, evaluate
from mlinfra_assets.feature_store.engine.related import prepare_view
from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.errors import DefinitionError
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
        rows: The recomputed datasets by view and version, for whoever explains a difference.
    """

    values: dict[str, dict[str, Value]] = field(default_factory=lambda: defaultdict(dict))
    missing: list[Missing] = field(default_factory=list)
    rows: dict[tuple[str, str], tuple[ViewDocument, RawDatasets]] = field(default_factory=dict)


@dataclass(frozen=True)
class _Asked:
    """One prediction's features of one view, with a watermark of each source behind them."""

    prediction: LoggedPrediction
    features: tuple[str, ...]
    watermark: Mapping[str, Positions]


def recompute(
    predictions: Sequence[LoggedPrediction],
    made: FromRaw,
    registry: Registry,
    lake: Lake,
    late: LateKnown | None = None,
) -> Vectors:
    """The vectors of predictions from raw, by the view versions and watermarks that they name.

    Args:
        predictions: Which.
        made: Makes rows from raw.
        registry: Where the versions are.
        lake: Where models are.
        late: Rows that were not known, and are taken to have been. None: none were.
    """
    vectors = Vectors()
    for (name, version), asked in _by_version(predictions, vectors).items():
        try:
            document = registered_view(registry, name, version)
            _evaluate_version(document, _answerable(document, asked, vectors), made, lake, vectors, late)
            if late is None:
                refeed(document, asked, made, lake, vectors.values)
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
    found = []
    for prediction, features in asked:
        try:
            view = features_of(document.view, features)
        except DefinitionError as error:
            vectors.missing.append(Missing(prediction.prediction_id, str(error)))
            continue
        why = _unanswerable(view, prediction)
        if why is not None:
            vectors.missing.append(Missing(prediction.prediction_id, why))
        else:
            watermark = prediction.views[view.name].watermark
            found.append(_Asked(prediction, features, {source: watermark[source] for source in sources(view)}))
    return found


def _unanswerable(view: FeatureView, prediction: LoggedPrediction) -> str | None:
    """What the event does not say, or says wrongly; None if a view can be evaluated from it."""
    without = ", ".join(sorted(sources(view) - prediction.views[view.name].watermark.keys()))
    mark = f"the event has no watermark of {without} for view {view.name}" if without else None
    return _wrong_key(view, prediction) or mark or wrong_request(view, prediction)


def _wrong_key(view: FeatureView, prediction: LoggedPrediction) -> str | None:
    for key, kind in view.key_schema.items():
        value = prediction.entity.get(key)
        if type(value) is not (int if kind.kind == "int64" else str):
            return f"the event's entity has {key}={value!r}, where view {view.name} has a key of type {kind}"
    return None


def _evaluate_version(
    document: ViewDocument,
    asked: Sequence[_Asked],
    made: FromRaw,
    lake: Lake,
    vectors: Vectors,
    late: LateKnown | None,
) -> None:
    """Rows from raw once, up to the furthest watermark; then one evaluation for each watermark.

    With late rows there is one for each moment, since which rows were not known yet differs.
    """
    if not asked:
        return
    view = features_of(document.view, [feature for one in asked for feature in one.features])
    upto = {source: _union([a.watermark[source] for a in asked if source in a.watermark]) for source in sources(view)}
    if late is not None:
        upto = {source: late.upto(source) for source in upto}
    entities = _entities(view, [a.prediction for a in asked])
    rows = from_raw(made, document, view, upto, entities)
    vectors.rows[view.name, document.version] = (document, rows)
    groups: dict[tuple[str, tuple[str, ...], str, int], list[_Asked]] = defaultdict(list)
    for one in asked:
        scores = orjson.dumps(one.prediction.scores, option=orjson.OPT_SORT_KEYS).decode()
        marks = ";".join(f"{source}={one.watermark[source].to_json()}" for source in sorted(one.watermark))
        moment = 0 if late is None else one.prediction.predicted_at
        groups[marks, one.features, scores, moment].append(one)
    for group in groups.values():
        try:
            _evaluate_group(document.view, group, rows, lake, vectors, late)
        except MlinfraError as error:
            vectors.missing += [Missing(one.prediction.prediction_id, str(error)) for one in group]


def _evaluate_group(
    view: FeatureView,
    group: Sequence[_Asked],
    rows: RawDatasets,
    lake: Lake,
    vectors: Vectors,
    late: LateKnown | None,
) -> None:
    first = group[0]
    view = features_of(view, first.features)
    scored = first.prediction.scores
    models = PinnedScores(lake, {model: scored[model] for model in _models(view) if model in scored})
    predictions = [one.prediction for one in group]
    entities = _entities(view, predictions)
    t = np.array([prediction.predicted_at for prediction in predictions], dtype=np.int64)
    k = None
    if late is None:
        prepared = prepare_view(view, rows, only=entities, covered=first.watermark)
    else:
        prepared = prepare_view(view, late.known(rows, view, first.watermark, int(t[0])), only=entities)
        k = np.full_like(t, HINDSIGHT)
    found = evaluate(view, prepared, entities, t, k, models, request_of(view, predictions))
    for one, values in zip(group, found.iter_rows(named=True), strict=True):
        for feature in first.features:
            vectors.values[one.prediction.prediction_id][f"{view.name}:{feature}"] = as_logged(values[feature])


def _models(view: FeatureView) -> set[str]:
    """The models whose scores a view's features are, its own and those of the views that it uses."""
    return set(view.models).union(*(_models(used) for used in view.uses))


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
