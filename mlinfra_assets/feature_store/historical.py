"""Training sets: the value that each feature had for an entity at a time, as it could have been known then."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar, overload

import polars as pl

from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.models import ScoreModels
from mlinfra_assets.feature_store.engine.related import prepare_view
from mlinfra_assets.feature_store.offline.asked import Asked, asked_of_views, result_name
from mlinfra_assets.feature_store.offline.entity_table import EntityTable, like, open_table
from mlinfra_assets.feature_store.offline.estimate import answer_bytes, row_bytes, view_bytes
from mlinfra_assets.feature_store.offline.partitioned import Plan, answer_in_parts
from mlinfra_assets.feature_store.offline.passing import answer_in_passing, features_in_passing
from mlinfra_assets.feature_store.offline.progress import Progress, silent
from mlinfra_assets.feature_store.offline.questions import IN_HINDSIGHT, KNOWN, Questions
from mlinfra_assets.feature_store.offline.reading import NoRows, Reported
from mlinfra_assets.feature_store.offline.target import Target
from mlinfra_assets.feature_store.reader import SourceReader
from mlinfra_assets.feature_store.store import FeatureService, resolve
from mlinfra_assets.feature_store.view import FeatureView

__all__ = ["KNOWN", "MAX_MEMORY_BYTES", "Progress", "get_historical_features"]

MAX_MEMORY_BYTES = 1 << 31
T = TypeVar("T")


@overload
def get_historical_features(
    entity_df: object,
    features: FeatureService | Sequence[str],
    *,
    views: Mapping[str, FeatureView],
    read: SourceReader,
    into: str | Path,
    known: str = ...,
    event_timestamp: str = ...,
    full_feature_names: bool = ...,
    models: ScoreModels | None = ...,
    versions: Mapping[str, int] | None = ...,
    max_memory_bytes: int = ...,
    progress: Progress = ...,
) -> Path: ...
@overload
def get_historical_features(
    entity_df: T,
    features: FeatureService | Sequence[str],
    *,
    views: Mapping[str, FeatureView],
    read: SourceReader,
    into: None = None,
    known: str = ...,
    event_timestamp: str = ...,
    full_feature_names: bool = ...,
    models: ScoreModels | None = ...,
    versions: Mapping[str, int] | None = ...,
    max_memory_bytes: int = ...,
    progress: Progress = ...,
) -> T: ...
def get_historical_features(
    entity_df: object,
    features: FeatureService | Sequence[str],
    *,
    views: Mapping[str, FeatureView],
    read: SourceReader,
    into: str | Path | None = None,
    known: str = "as_of",
    event_timestamp: str = "event_timestamp",
    full_feature_names: bool = False,
    models: ScoreModels | None = None,
    versions: Mapping[str, int] | None = None,
    max_memory_bytes: int = MAX_MEMORY_BYTES,
    progress: Progress = silent,
) -> object:
    """Each row of `entity_df` once, in its order, with the features of its entity at its time.

    What would take more memory than it may is answered in parts, divided by entity, over temporary files (in the
    folder that `TMPDIR` names; they are gone in the end). The values are the same to the last bit. A view that is
    looked up by a mapping, `view["feature"].at(...)`, cannot be divided so: all of its rows are held in memory.

    Args:
        entity_df: The join keys of every view asked for, a time column, the request values that features need, anything
            else. A Polars frame or lazy frame, an Arrow table or stream, a pandas frame; or the path of a Parquet file,
            a folder of them, or a Delta table.
        features: `"view:feature"`, `"view"` for all of one, or a feature service.
        views: The declared views by name: `FeatureStore.views`.
        read: Where the rows of the datasets come from.
        into: A Parquet file to write the result to, whole or not at all. Needed if `entity_df` is a path.
        known: `"as_of"`: only rows known at the row's time count. `"hindsight"`: rows that came late count too, and the
            result has a column `_known` that says so. Otherwise the name of a time column: rows known by then count.
        event_timestamp: The time column. Times have a zone, and it is UTC.
        full_feature_names: Call a feature `view__feature`, as is needed when two views use one name.
        models: Whoever scores, for views that have scores among their features.
        versions: Version of each dataset's table, by dataset. What is not named is read as it is now.
        max_memory_bytes: About how much memory rows may take, estimated from their number; the result, if it is not
            written to a file, comes on top.
        progress: Told how far it has come.

    Returns:
        The columns of `entity_df`, and one for each feature, as the kind of table that `entity_df` is; with `into` its
        path.

    Raises:
        DefinitionError: An unknown view or feature.
        RetrievalError: A key, time or request column is missing, of a wrong type, without zone or not UTC; a name is
            used twice; `entity_df` cannot be read; `into` cannot be written.
        FeatureOverflowError: An exact result does not fit in 64 bits; the message names the feature.
        UnavailableError: The disk is full.
    """
    wanted = resolve(views, features)
    names = [result_name(view, feature, full_feature_names) for view, feature in wanted]
    asked = asked_of_views(wanted, full_feature_names)
    target = Target.of(entity_df, into)
    questions = Questions(event_timestamp, known)
    reader = Reported(read, progress)
    with tempfile.TemporaryDirectory(prefix="mlinfra-") as folder:
        table = open_table(entity_df, max_memory_bytes // 4, Path(folder))
        questions.check(table.schema, [one.view for one in asked], names)
        width = row_bytes(table.schema) + sum(map(answer_bytes, asked))
        largest = max(view_bytes(one.view, read, versions or {}) for one in asked)
        plan = Plan(
            questions=questions,
            read=reader if table.rows else NoRows(),
            versions=versions or {},
            models=models,
            progress=progress,
            folder=Path(folder),
            memory=max_memory_bytes,
            needed=table.rows * width + largest,
            row_bytes=width,
        )
        fits = plan.needed <= max_memory_bytes or not table.rows
        if fits:
            answered = _answer_at_once(table, asked, plan)
        else:
            answered = answer_in_passing(table, asked, plan) or answer_in_parts(table, asked, plan)
        mark = [pl.lit(known).alias(KNOWN)] if known == IN_HINDSIGHT else []
        frames = (frame.select(*table.schema, *names, *mark) for frame in answered)
        return like(entity_df, pl.concat(list(frames))) if target is None else target.write(frames)


def _answer_at_once(table: EntityTable, asked: Sequence[Asked], plan: Plan) -> Iterator[pl.DataFrame]:
    rows = next(table.frames(max(1, table.rows)))
    t, k = plan.questions.t(rows), plan.questions.k(rows)
    found = [rows]
    for number, one in enumerate(asked):
        plan.progress(number, len(asked), "answering")
        features = features_in_passing(one.view, rows, plan)
        if features is None:
            keys, request = plan.questions.keys(rows, one.view), plan.questions.request(rows, one.view)
            prepared = prepare_view(one.view, plan.read, only=keys.unique(), versions=plan.versions)
            features = evaluate(one.view, prepared, keys, t, k, plan.models, request)
        features.columns = list(one.names)
        found.append(features)
    plan.progress(len(asked), len(asked), "answering")
    yield pl.concat(found, how="horizontal")
