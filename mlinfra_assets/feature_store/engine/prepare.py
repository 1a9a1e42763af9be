"""From a dataset's rows to what a view is evaluated from."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.feature_store.column_type import FLOAT64
from mlinfra_assets.feature_store.engine.arrange import arrange
from mlinfra_assets.feature_store.engine.entities import EntityIndex
from mlinfra_assets.feature_store.engine.gather import PLACE, Gatherer, Since
from mlinfra_assets.feature_store.engine.replacements import find_replacements, take
from mlinfra_assets.feature_store.engine.rows import (
    NOT_FINITE,
    PreparedRows,
    PrepareReport,
    Replacements,
    dtypes,
)
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.positions import Positions


def prepare(
    view: FeatureView,
    rows: pl.DataFrame | Iterable[pl.DataFrame],
    covered: Positions | None = None,
    only: pl.DataFrame | None = None,
    since: Since | None = None,
) -> PreparedRows:
    """Sort a dataset's rows by entity and time, and evaluate the view's row expressions on them.

    Of a dataset without a primary key each frame is let go of before the next one is asked for.

    Args:
        view: The view.
        rows: The dataset, as one frame or several, each with `view.columns` at least; in any order.
        covered: Leave out rows past this watermark. None: all rows count.
        only: Join keys of the entities that are of interest. None: all.
        since: From when on each row counts, besides its known-at time: `known_at` of the outcome is the later of both,
            its order is by the known-at times. Not for a dataset with a primary key.

    Raises:
        RetrievalError: A column is missing, of another type than the dataset declares, or a coordinate is null.
        FeatureOverflowError: A row expression does not fit in 64 bits.
    """
    if since is not None and view.dataset.primary_key:
        raise TypeError(f"{view.dataset.name} has a primary key: which row replaces which goes by their known-at times")
    wanted = None if only is None else EntityIndex.of(only.select(view.join_keys))
    gatherer = Gatherer(view, covered, wanted, since)
    frames = [rows] if isinstance(rows, pl.DataFrame) else rows
    replaced = None
    repeated = 0
    if view.dataset.primary_key:
        replaced, repeated = _add_changes(view, gatherer, frames)
    else:
        for frame in frames:
            gatherer.add(gatherer.covered(frame))
    return _arranged(view, gatherer, wanted, replaced, repeated)


def _add_changes(
    view: FeatureView, gatherer: Gatherer, frames: Iterable[pl.DataFrame]
) -> tuple[Replacements | None, int]:
    """Rows of which a later one takes the place of an earlier one: all have to be there to see which."""
    covered = [gatherer.covered(frame) for frame in frames]
    if not covered:
        return None, 0
    rows = pl.concat(covered)
    given = rows.height
    rows = rows.sort(names.KNOWN_AT, names.RELEASE, nulls_last=False).unique(PLACE, keep="first", maintain_order=True)
    repeated = given - rows.height
    replaced = find_replacements(rows, view.dataset.primary_key)
    if view.dataset.deletes:
        deleted = rows.get_column(view.dataset.deletes).fill_null(value=False)
        replaced = take(replaced, np.flatnonzero(~deleted.to_numpy()))
        rows = rows.filter(~deleted)
    chosen = gatherer.add(rows)
    return replaced if chosen is None else take(replaced, chosen), repeated


def _arranged(
    view: FeatureView,
    gatherer: Gatherer,
    wanted: EntityIndex | None,
    replaced: Replacements | None,
    repeated: int,
) -> PreparedRows:
    found = gatherer.found
    if wanted is None:
        keys = pl.concat(found.keys) if found.keys else pl.DataFrame(schema=dtypes(view.key_schema))
        found.keys.clear()
        wanted = EntityIndex.of(keys)
        entity = wanted.numbers(keys)
        del keys
    else:
        entity = np.concatenate([np.zeros(0, np.int32), *found.numbers])
        found.numbers.clear()
    at = found.coordinates()
    order, starts, event_time, known_at = arrange(entity, wanted.keys.height, at)
    partition = at.place[0][order] if at.place[0].any() else None
    del at
    if found.since:
        known_at = np.maximum(known_at, np.concatenate(found.since)[order])
    repeated += int(np.count_nonzero(entity >= 0)) - len(order)
    del entity
    inputs = tuple(found.input(view, j).arranged(order) for j in range(len(view.inputs)))
    strange = [c.validity == NOT_FINITE for c in inputs if c.type == FLOAT64 and not c.all_there]
    keys, starts = _with_rows(wanted.keys, starts)
    return PreparedRows(
        starts=starts,
        event_time=event_time,
        known_at=known_at,
        inputs=inputs,
        replaced=_replacements(view, replaced, order),
        keys=keys,
        report=PrepareReport(
            rows=gatherer.given,
            not_covered=gatherer.not_covered,
            repeated=repeated,
            without_key=gatherer.without_key,
            not_finite=int(np.logical_or.reduce(strange).sum()) if strange else 0,
        ),
        partition=partition,
    )


def _replacements(view: FeatureView, replaced: Replacements | None, order: np.ndarray) -> Replacements | None:
    if not view.dataset.primary_key:
        return None
    return Replacements.join([]) if replaced is None else take(replaced, order)


def _with_rows(keys: pl.DataFrame, starts: np.ndarray) -> tuple[pl.DataFrame, np.ndarray]:
    """The entities that have rows."""
    there = np.diff(starts) > 0
    if there.all():
        return keys, starts
    return keys.filter(pl.Series(there)), np.append(starts[:-1][there], starts[-1]).astype(np.int64)
