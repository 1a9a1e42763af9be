"""Feature vectors of logged predictions, computed again from raw."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import orjson
import polars as pl

from mlinfra_assets.audit.bits import Value, as_logged
from mlinfra_assets.audit.chains import Watermarks, union
from mlinfra_assets.audit.documents import registered_view
from mlinfra_assets.audit.fed_live import refeed
from mlinfra_assets.audit.from_raw import FromRaw
from mlinfra_assets.audit.late_known import LateKnown
from mlinfra_assets.audit.logged import LoggedPrediction
from mlinfra_assets.audit.questions import Questions, answers
from mlinfra_assets.audit.raw_datasets import RawDatasets, from_raw, sources
from mlinfra_assets.audit.report import Missing
from mlinfra_assets.audit.requests import request_of, wrong_request
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.features_of import features_of
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
    """Rows from raw once, up to the furthest watermark; then what they answer."""
    if not asked:
        return
    view = features_of(document.view, [feature for one in asked for feature in one.features])
    groups: dict[tuple[tuple[str, ...], str], list[_Asked]] = defaultdict(list)
    for one in asked:
        scores = orjson.dumps(one.prediction.scores, option=orjson.OPT_SORT_KEYS).decode()
        groups[one.features, scores].append(one)
    # The features of a group decide which sources are behind it: watermarks of others do not count.
    questions = [_questions(document.view, group) for group in groups.values()]
    upto = union([one.marks.union() for one in questions])
    if late is not None:
        upto = {source: late.upto(source) for source in upto}
    rows = from_raw(made, document, view, upto, pl.concat([one.entities for one in questions]))
    vectors.rows[view.name, document.version] = (document, rows)
    for group, one in zip(groups.values(), questions, strict=True):
        for places, found in answers(document.view, one, rows, lake, late):
            some = [group[place].prediction for place in places.tolist()]
            if isinstance(found, MlinfraError):
                vectors.missing += [Missing(prediction.prediction_id, str(found)) for prediction in some]
                continue
            for prediction, values in zip(some, found.iter_rows(named=True), strict=True):
                for feature in one.features:
                    vectors.values[prediction.prediction_id][f"{view.name}:{feature}"] = as_logged(values[feature])


def _questions(view: FeatureView, group: Sequence[_Asked]) -> Questions:
    predictions = [one.prediction for one in group]
    values = {key: [prediction.entity[key] for prediction in predictions] for key in view.join_keys}
    return Questions(
        features=group[0].features,
        entities=pl.DataFrame(values, schema=dtypes(view.key_schema)),
        t=np.array([prediction.predicted_at for prediction in predictions], dtype=np.int64),
        marks=Watermarks.of([one.watermark for one in group]),
        scores=predictions[0].scores,
        request=request_of(features_of(view, group[0].features), predictions),
    )
