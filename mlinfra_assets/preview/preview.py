"""Two versions of a view beside each other, at the end of the same days, on the same rows."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.dataset import DatasetSchema
from mlinfra_assets.feature_store.engine.evaluate import PRESENT, evaluate_at
from mlinfra_assets.feature_store.engine.models import ScoreModels
from mlinfra_assets.feature_store.engine.related import prepare_view
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.feature_store.snapshot import DAY, end_of
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.scores import ProductionScores
from mlinfra_assets.preview.cost import Cost, estimate
from mlinfra_assets.preview.feature_change import FeatureChange, compared, only_after, only_before
from mlinfra_assets.preview.rows import StagedReader, entities, sql_of
from mlinfra_assets.publishing.lake_reader import LakeReader


@dataclass(frozen=True)
class Asked:
    """What is compared.

    Attributes:
        days: At the end of which days, in order.
        sample: How many entities at most; None: all.
        backfill: Every day that a backfill would compute, in order.
    """

    days: Sequence[date]
    sample: int | None
    backfill: Sequence[date]


@dataclass(frozen=True)
class Preview:
    """What a version of a view would do.

    Attributes:
        view: The view.
        before: Version that it is compared with; None if there is none.
        after: Its version.
        days: At the end of which days, as known then.
        entities: Entities that there are.
        compared: Entities that were looked at.
        served: Questions (an entity on a day) that either version has an answer to: what shares are shares of.
        served_before: Questions that the version before has an answer to.
        served_after: Questions that the version has an answer to.
        features: What becomes of each feature: those of the version in its order, then those that are removed.
        unseen: Features that need a value from a request, of which nothing can be said.
        restaged: Datasets whose rows were made from their source by each version's own SQL.
        contract_differs: Whether the contract is another: rows are compared as the lake holds them.
        cost: Of the version.
        cost_before: Of the one before.
    """

    view: str
    before: str | None
    after: str
    days: tuple[date, ...]
    entities: int
    compared: int
    served: int
    served_before: int
    served_after: int
    features: tuple[FeatureChange, ...]
    unseen: tuple[str, ...]
    restaged: tuple[str, ...]
    contract_differs: bool
    cost: Cost
    cost_before: Cost | None

    def of(self, *states: str) -> tuple[FeatureChange, ...]:
        """The features in some states."""
        return tuple(feature for feature in self.features if feature.state in states)


@dataclass(frozen=True)
class _Side:
    """One version, evaluated."""

    view: FeatureView
    prepared: PreparedRows
    features: pl.DataFrame
    served: np.ndarray
    reading_seconds: float


def preview(
    lake: Lake,
    datasets: Mapping[str, DatasetSchema],
    before: ViewDocument | None,
    after: ViewDocument,
    asked: Asked,
) -> Preview:
    """Evaluate two versions of a view on the rows of the lake, and compare every value.

    Args:
        lake: Where the tables are.
        datasets: Every dataset, by name.
        before: The version to compare with.
        after: The version that would go live.
        asked: For whom, and when.

    Raises:
        InvalidInputError: The versions have different join keys: no value of one is a value of the other.
        UnavailableError: A dataset's table does not exist yet.
        FeatureOverflowError: An exact result does not fit in 64 bits; the message names the feature.
    """
    documents = [document for document in (before, after) if document is not None]
    _refuse_other_keys(before, after)
    reader = LakeReader(lake, datasets)
    staged = _restaged(before, after)
    reads = [StagedReader(reader, datasets, {n: sql_of(d)[n] for n in staged & set(sql_of(d))}) for d in documents]
    sources = [(document.view, read) for document, read in zip(documents, reads, strict=True)]
    # The same rows give the same keys.
    keys, total = entities(sources if staged or _datasets(documents) > 1 else sources[-1:], asked.sample)
    models = ProductionScores(lake)
    sides = [_evaluated(view, read, keys, asked.days, models) for view, read in sources]
    costs = [_cost(side, asked.backfill, total, keys.height, models) for side in sides]
    old, new = (sides[0] if before is not None else None), sides[-1]
    answered = new.served if old is None else old.served | new.served
    return Preview(
        view=after.name,
        before=None if before is None else before.version,
        after=after.version,
        days=tuple(asked.days),
        entities=total,
        compared=keys.height,
        served=int(answered.sum()),
        served_before=0 if old is None else int(old.served.sum()),
        served_after=int(new.served.sum()),
        features=tuple(_features(old, new, _questions(keys, asked.days).filter(answered), answered)),
        unseen=tuple(f.name for f in after.view.features if f not in after.view.stored),
        restaged=tuple(sorted(staged)),
        contract_differs=before is not None and before.contract != after.contract,
        cost=costs[-1],
        cost_before=costs[0] if before is not None else None,
    )


def _refuse_other_keys(before: ViewDocument | None, after: ViewDocument) -> None:
    if before is not None and before.view.key_schema != after.view.key_schema:
        old, new = (
            ", ".join(f"{name} {kind}" for name, kind in document.view.key_schema.items())
            for document in (before, after)
        )
        raise InvalidInputError(
            f"version {before.version} of view {after.name} is by {old}, version {after.version} by {new}: their "
            "values are of different things and cannot be compared"
        )


def _restaged(before: ViewDocument | None, after: ViewDocument) -> set[str]:
    """Datasets of which the two versions have different SQL: what the lake holds is of one of them at most."""
    old, new = ({} if document is None else sql_of(document) for document in (before, after))
    return {name for name in old.keys() & new.keys() if old[name] != new[name]}


def _datasets(documents: Sequence[ViewDocument]) -> int:
    return len({document.view.dataset.name for document in documents})


def _evaluated(
    view: FeatureView, read: StagedReader, keys: pl.DataFrame, days: Sequence[date], models: ScoreModels
) -> _Side:
    began = time.process_time()
    prepared = prepare_view(view, read, only=keys)
    reading = time.process_time() - began
    index = np.tile(prepared.index_of(keys), len(days))
    t = np.repeat(np.array([end_of(day) for day in days], np.int64), keys.height)
    asked = pl.concat([keys] * len(days)) if days else keys.clear()
    found = evaluate_at(view, prepared, index, t, None, models, keys=asked, features=view.stored)
    return _Side(view, prepared, found.features, found.status == PRESENT, reading)


def _questions(keys: pl.DataFrame, days: Sequence[date]) -> pl.DataFrame:
    return pl.concat([keys.with_columns(pl.lit(day).alias(DAY)) for day in days])


def _cost(side: _Side, days: Sequence[date], entities: int, measured: int, models: ScoreModels) -> Cost:
    return estimate(side.view, side.prepared, days, entities, measured, side.reading_seconds, models)


def _features(old: _Side | None, new: _Side, at: pl.DataFrame, answered: np.ndarray) -> list[FeatureChange]:
    was = {} if old is None else _stored(old, answered)
    now = _stored(new, answered)
    found = [
        compared(name, (was[name][0], kind), was[name][1], values, at)
        if name in was
        else only_after(name, kind, values, at)
        for name, (kind, values) in now.items()
    ]
    known = {feature.name for feature in new.view.features}
    return [*found, *(only_before(name, kind, values) for name, (kind, values) in was.items() if name not in known)]


def _stored(side: _Side, answered: np.ndarray) -> dict[str, tuple[ColumnType, pl.Series]]:
    """Type and values of each feature that needs no request, at the questions that have an answer."""
    columns = side.features.filter(answered)
    return {f.name: (side.view.schema[f.name], columns.get_column(f.name)) for f in side.view.stored}
