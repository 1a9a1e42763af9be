"""Predictions from a view's tail, where its records were judged otherwise later.

An updater judges each record by itself, by the contract of the version that is served. Most come through raw as the
same rows. But a batch may be set aside as a whole later, or be validated by a newer contract: then a prediction that
rests on the tail saw other rows than a base ever had. Its watermark says from where on its records came from the tail.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, MutableMapping, Sequence

import numpy as np
import orjson
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.audit.bits import Value, as_logged
from mlinfra_assets.audit.from_raw import FromRaw, Wanted
from mlinfra_assets.audit.logged import LoggedPrediction
from mlinfra_assets.audit.requests import request_of
from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.gather import is_covered
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.features_of import features_of
from mlinfra_assets.learning.scores import PinnedScores
from mlinfra_assets.positions import Positions

Asked = tuple[LoggedPrediction, tuple[str, ...]]


def refeed(
    document: ViewDocument,
    asked: Sequence[Asked],
    made: FromRaw,
    lake: Lake,
    values: MutableMapping[str, dict[str, Value]],
) -> None:
    """Compute again what rests on a tail whose records were judged otherwise later, as the updater judged them.

    Args:
        document: A version of a view.
        asked: Predictions that used it, each with the features that it used.
        made: Makes rows from raw.
        lake: Where models are.
        values: Recomputed value by prediction id and `"view:feature"`; changed.
    """
    view, source = document.view, document.source
    live = [
        one
        for one in asked
        if one[0].prediction_id in values and one[0].views[view.name].watermark.get(source, Positions()).batch
    ]
    if not live:
        return
    marks = [one.views[view.name].watermark[source] for one, _ in live]
    after = _least([mark.batch for mark in marks])
    upto = Positions(_most([mark.offsets for mark in marks]), max(mark.releases for mark in marks))
    wanted = Wanted(document, upto, view.columns, _entities(view, [one for one, _ in live]))
    fed, came = made.fed(wanted, after), made.rows(wanted)
    if fed.equals(came.filter(_past(after), pl.col(names.RELEASE).is_null()).sort(_PLACE)):
        return
    groups: dict[tuple[str, tuple[str, ...], str], list[LoggedPrediction]] = defaultdict(list)
    for (one, features), mark in zip(live, marks, strict=True):
        scores = orjson.dumps(one.scores, option=orjson.OPT_SORT_KEYS).decode()
        groups[mark.to_json(), features, scores].append(one)
    for (mark, features, _), group in groups.items():
        at = Positions.from_json(mark)
        batch = Positions({**at.offsets, **at.batch}, at.releases)
        tail = _past(at.batch) & is_covered(at)
        rows = pl.concat([came.filter(is_covered(batch)), fed.filter(tail)])
        _evaluate(features_of(view, features), rows, group, lake, values)


_PLACE = (names.PARTITION, names.OFFSET, names.ROW)


def _evaluate(
    view: FeatureView,
    rows: pl.DataFrame,
    group: Sequence[LoggedPrediction],
    lake: Lake,
    values: MutableMapping[str, dict[str, Value]],
) -> None:
    entities, scored = _entities(view, group), group[0].scores
    models = PinnedScores(lake, {model: scored[model] for model in view.models if model in scored})
    t = np.array([one.predicted_at for one in group], np.int64)
    prepared = prepare(view, rows, only=entities)
    found = evaluate(view, prepared, entities, t, None, models, request_of(view, group))
    for one, row in zip(group, found.iter_rows(named=True), strict=True):
        for feature, value in row.items():
            values[one.prediction_id][f"{view.name}:{feature}"] = as_logged(value)


def _entities(view: FeatureView, predictions: Sequence[LoggedPrediction]) -> pl.DataFrame:
    keys = {key: [one.entity[key] for one in predictions] for key in view.join_keys}
    return pl.DataFrame(keys, schema=dtypes(view.key_schema))


def _past(after: Mapping[int, int]) -> pl.Expr:
    """Whether a row lies past `after`, in one of its partitions."""
    past = pl.lit(value=False)
    for partition, offset in after.items():
        past |= (pl.col(names.PARTITION) == partition) & (pl.col(names.OFFSET) > offset)
    return past


def _least(many: Sequence[Mapping[int, int]]) -> dict[int, int]:
    return {p: min(offsets[p] for offsets in many if p in offsets) for p in set().union(*many)}


def _most(many: Sequence[Mapping[int, int]]) -> dict[int, int]:
    return {p: max(offsets[p] for offsets in many if p in offsets) for p in set().union(*many)}
