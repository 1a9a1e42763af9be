"""Questions for latest rows alone, answered while a dataset passes by: what is held does not grow with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl

from mlinfra_assets.feature_store.engine.evaluate import evaluate_latest
from mlinfra_assets.feature_store.engine.latest_rows import LatestRows
from mlinfra_assets.feature_store.offline.asked import Asked
from mlinfra_assets.feature_store.offline.entity_table import EntityTable
from mlinfra_assets.feature_store.offline.partitioned import Plan
from mlinfra_assets.feature_store.offline.questions import AS_OF
from mlinfra_assets.feature_store.view import FeatureView


def features_in_passing(
    view: FeatureView, rows: pl.DataFrame, plan: Plan, order: np.ndarray | None = None
) -> pl.DataFrame | None:
    """A view's features for the rows of an entity table, whose `order` by time (int64[n]) may be known.

    Returns:
        None if the view asks for more than latest rows, the question is not as of its own time, or the dataset does not
        come in order: its rows have to be prepared.
    """
    if plan.questions.known != AS_OF or not LatestRows.can_answer(view):
        return None
    keys, request = plan.questions.keys(rows, view), plan.questions.request(rows, view)
    columns = LatestRows.columns(view)
    frames = plan.read.batches(view.dataset.name, columns, plan.versions.get(view.dataset.name))
    return evaluate_latest(view, frames, keys, plan.questions.t(rows), plan.models, request, order)


def answer_in_passing(table: EntityTable, asked: Sequence[Asked], plan: Plan) -> Iterator[pl.DataFrame] | None:
    """An entity table with its features, if that fits in memory and its questions can be answered in passing."""
    fits = table.rows * plan.row_bytes <= plan.memory
    if not fits or plan.questions.known != AS_OF or not all(LatestRows.can_answer(one.view) for one in asked):
        return None
    rows = next(table.frames(max(1, table.rows)))
    order = np.argsort(plan.questions.t(rows), kind="stable")
    found = [rows]
    for number, one in enumerate(asked):
        plan.progress(number, len(asked), "answering")
        features = features_in_passing(one.view, rows, plan, order)
        if features is None:
            return None
        features.columns = list(one.names)
        found.append(features)
    plan.progress(len(asked), len(asked), "answering")
    return iter([pl.concat(found, how="horizontal")])
