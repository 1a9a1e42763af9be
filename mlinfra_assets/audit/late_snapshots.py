"""Daily snapshots as they were, beside what they would have been had the rows been known that came late."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlinfra_assets import names
from mlinfra_assets.audit.bits import Value, as_logged
from mlinfra_assets.audit.late_rows import LateRows, LateWindow
from mlinfra_assets.feature_store.engine.evaluate import PRESENT, Evaluated, evaluate_at
from mlinfra_assets.feature_store.engine.models import ScoreModels
from mlinfra_assets.feature_store.engine.related import prepare_view
from mlinfra_assets.feature_store.engine.rows import PreparedRows
from mlinfra_assets.feature_store.snapshot import DAY, end_of
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.scores import ProductionScores
from mlinfra_assets.publishing.lake_reader import LakeReader

IN_SNAPSHOT = "(in the snapshot)"
"""In place of a feature: whether the entity is in the snapshot at all."""
EXAMPLES = 100
ENTITIES_AT_ONCE = 100_000


@dataclass(frozen=True)
class ChangedValue:
    """A value of a snapshot that late rows would have changed.

    Attributes:
        view: The view.
        day: The day.
        entity: Join key values by name.
        feature: The feature, or `IN_SNAPSHOT`.
        known: What was known at the end of the day.
        hindsight: What is known now.
    """

    view: str
    day: date
    entity: dict[str, Value]
    feature: str
    known: Value
    hindsight: Value


@dataclass
class LateSnapshots:
    """What late rows would have changed in the snapshots of a view.

    Attributes:
        view: The view.
        late_rows: Late rows of its datasets.
        days: By day: entities compared, entities that differ, values that differ.
        examples: The first values that differ.
    """

    view: str
    late_rows: int = 0
    days: dict[date, tuple[int, int, int]] = field(default_factory=dict)
    examples: list[ChangedValue] = field(default_factory=list)

    @property
    def compared(self) -> int:
        """Entities compared, over all days."""
        return sum(compared for compared, _, _ in self.days.values())

    @property
    def different(self) -> int:
        """Entities that differ, over all days."""
        return sum(different for _, different, _ in self.days.values())

    @property
    def values(self) -> int:
        """Values that differ, over all days."""
        return sum(values for _, _, values in self.days.values())


def compare_snapshots(
    lake: Lake, view: FeatureView, reader: LakeReader, window: LateWindow, only: str | None = None
) -> LateSnapshots:
    """Compare the snapshots that a view has of days whose end lies between a late row and its becoming known.

    Only entities that late rows touch are computed. Of a view that looks up features of others, late rows of theirs may
    touch any: all its entities are, on those days.

    Args:
        lake: Where snapshots, promotions and late rows are.
        view: As it is declared now: both values are of this definition.
        reader: Reads the datasets.
        window: Which late rows.
        only: Late rows of this source alone. None: of all.
    """
    found = LateSnapshots(view.name)
    table = lake.table(names.table(*names.features(view.name)))
    stored = table.partitions()[DAY].to_list() if table.exists() else []
    if not stored:
        return found
    scores = ProductionScores(lake)
    looked_up = _days_of_others(lake, view, reader, window, only, stored, found)
    for rows in _late(lake, view, reader, window, only, found):
        pairs = _pairs(rows, list(view.join_keys), stored).filter(~pl.col(DAY).is_in(looked_up))
        if pairs.height:
            prepared = prepare_view(view, reader, only=pairs.select(view.join_keys).unique())
            for (day,), some in pairs.partition_by(DAY, as_dict=True, maintain_order=True).items():
                assert isinstance(day, date)  # noqa: S101 - the type of the column
                _compare(view, prepared, day, some.select(view.join_keys), scores, window, found)
    if looked_up:
        prepared = prepare_view(view, reader)
        for day in looked_up:
            for keys in (prepared.keys if prepared.keys is not None else pl.DataFrame()).iter_slices(ENTITIES_AT_ONCE):
                _compare(view, prepared, day, keys, scores, window, found)
    return found


def _late(
    lake: Lake, view: FeatureView, reader: LakeReader, window: LateWindow, only: str | None, found: LateSnapshots
) -> Iterator[pl.DataFrame]:
    """The late rows of a view's own dataset, counted."""
    if only in (None, view.dataset.source):
        late = LateRows(lake, reader.dataset(view.dataset.name), view.join_keys, window)
        found.late_rows += late.count()
        yield from late.parts()


def _pairs(rows: pl.DataFrame, keys: list[str], stored: Sequence[date]) -> pl.DataFrame:
    """Join keys and day, once each: the days with a snapshot whose end a row happened before and was known after."""
    days = pl.DataFrame({DAY: sorted(stored)}, schema={DAY: pl.Date()})
    spans = rows.select(
        *keys, first=pl.col(names.EVENT_TIME).dt.date(), known=pl.col(names.KNOWN_AT).dt.date()
    ).unique()
    touched = (pl.col("first") <= pl.col(DAY)) & (pl.col(DAY) < pl.col("known"))
    return spans.join_where(days, touched).select(*keys, DAY).unique().sort(DAY, *keys)


def _days_of_others(
    lake: Lake,
    view: FeatureView,
    reader: LakeReader,
    window: LateWindow,
    only: str | None,
    stored: Sequence[date],
    found: LateSnapshots,
) -> list[date]:
    """The days on which late rows of the views that are looked up may touch any entity."""
    days: set[date] = set()
    for used in _used(view):
        for rows in _late(lake, used, reader, window, only, found):
            days |= set(_pairs(rows, list(used.join_keys), stored)[DAY])
    return sorted(days)


def _used(view: FeatureView) -> Iterator[FeatureView]:
    for used in view.uses:
        yield used
        yield from _used(used)


@dataclass(frozen=True)
class _At:
    """Scores by the versions in production at one moment, whatever else is known."""

    models: ScoreModels
    moment: int

    def score(self, model: str, k: NDArray[np.int64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
        return self.models.score(model, np.full_like(k, self.moment), matrix)


def _compare(
    view: FeatureView,
    prepared: PreparedRows,
    day: date,
    keys: pl.DataFrame,
    scores: ScoreModels,
    window: LateWindow,
    found: LateSnapshots,
) -> None:
    index = prepared.index_of(keys)
    end = end_of(day)
    t = np.full(keys.height, end, np.int64)
    models = _At(scores, end)

    def at(k: int) -> Evaluated:
        known = np.full(keys.height, k, np.int64)
        return evaluate_at(view, prepared, index, t, known, models, keys=keys, features=view.stored)

    before, after = at(end), at(max(end, window.hindsight))
    differing = _differing(before, after)
    compared, entities, values = found.days.get(day, (0, 0, 0))
    rows = (
        differing.select(pl.any_horizontal(pl.all())).to_series()
        if differing.width
        else pl.Series([], dtype=pl.Boolean)
    )
    found.days[day] = (
        compared + keys.height,
        entities + int(rows.sum()),
        values + int(differing.sum().sum_horizontal().item() if differing.height else 0),
    )
    for place in rows.arg_true().head(EXAMPLES - len(found.examples)):
        entity = {key: as_logged(value) for key, value in keys.row(place, named=True).items()}
        for name in differing.columns:
            if differing[name][place] and len(found.examples) < EXAMPLES:
                known, hindsight = (_value(one, name, place) for one in (before, after))
                found.examples.append(ChangedValue(view.name, day, entity, name, known, hindsight))


def _differing(before: Evaluated, after: Evaluated) -> pl.DataFrame:
    """One column a feature, and one for being there at all: whether it differs; what is in neither does not."""
    was, is_ = (pl.Series(one.status == PRESENT) for one in (before, after))
    changed = {
        name: (was & is_ & before.features[name].ne_missing(after.features[name])) for name in before.features.columns
    }
    return pl.DataFrame({IN_SNAPSHOT: was != is_, **changed})


def _value(one: Evaluated, name: str, place: int) -> Value:
    if name == IN_SNAPSHOT:
        return bool(one.status[place] == PRESENT)
    return as_logged(
        one.features[name][place] if one.features[name].dtype != pl.List else one.features[name][place].to_list()
    )
