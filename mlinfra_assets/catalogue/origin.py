"""Where one value comes from: the rows that it is made of, and the versions and runs of the tables that they are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.feature_store.engine.evaluate import evaluate_at
from mlinfra_assets.feature_store.engine.models import ScoreModels
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.feature_store.engine.related import prepare_view
from mlinfra_assets.feature_store.engine.rows import VALUE, PreparedRows, dtypes
from mlinfra_assets.feature_store.nodes import Aggregate
from mlinfra_assets.feature_store.online.vector import STATUSES, Status
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.publishing.lake_reader import LakeReader

PLACE = [names.PARTITION, names.OFFSET, names.ROW]
ORDER = [names.EVENT_TIME, names.KNOWN_AT, *PLACE]
SHOWN = [*PLACE, names.RELEASE, names.EVENT_TIME, names.KNOWN_AT, names.ASSUMED, names.CONTRACT]


@dataclass(frozen=True)
class Origin:
    """A value and where it comes from.

    Attributes:
        value: The value.
        status: Why it is null, if the view does not serve the entity.
        latest: Event time of the entity's latest row, microseconds since 1970 UTC; None if there is none.
        rows: The rows that count for the feature, in event order: their coordinates.
    """

    value: object
    status: Status
    latest: int | None
    rows: pl.DataFrame


def origin(
    view: FeatureView, feature: str, keys: pl.DataFrame, t: int, k: int, reader: LakeReader, models: ScoreModels
) -> Origin:
    """The value of a feature for the entity of `keys` (one row) at t, as known at k, with the rows that it is made of.

    A row counts if it had happened and was known, is the latest of its primary key, lies in the window of one of the
    feature's aggregates, and is one that this aggregate takes (`where`). Rows of views that are looked up are theirs.

    Raises:
        UnavailableError: The dataset has no table.
        RetrievalError: The feature wants a value with the question.
    """
    rows = _rows(view, keys, reader)
    prepared = prepare_view(view, reader, only=keys) if view.uses else prepare(view, rows, only=keys)
    index = prepared.index_of(keys)
    found = evaluate_at(
        view, prepared, index, np.array([t]), np.array([k]), models, keys=keys, features=[view.feature(feature)]
    )
    status = STATUSES[int(found.status[0])]
    counting = _counting(replace(view, features=(view.feature(feature),)), rows, keys, t, k)
    return Origin(
        value=found.features.to_series(0)[0],
        status=status,
        latest=None if status == "not_found" else int(found.latest[0]),
        rows=counting.select(column for column in SHOWN if column in counting.columns),
    )


def way_of_tables(lake: Lake, inputs: Mapping[str, int]) -> list[dict[str, Any]]:
    """The tables that others were computed from, the nearest first, each at its version with what its commit says."""
    waiting, seen, found = list(inputs.items()), set(), []
    while waiting:
        name, version = waiting.pop(0)
        if (name, version) in seen:
            continue
        seen.add((name, version))
        table = lake.table(name)
        provenance = table.provenance(version) if table.exists() else None
        above = {} if provenance is None else dict(sorted(provenance.inputs.items()))
        found.append(
            {
                "table": name,
                "version": version,
                "run_id": None if provenance is None else provenance.run_id,
                "code_version": None if provenance is None else provenance.code_version,
                "inputs": above,
                "positions": {} if provenance is None else {s: p.to_dict() for s, p in provenance.positions.items()},
            }
        )
        waiting += above.items()
    return found


def _rows(view: FeatureView, keys: pl.DataFrame, reader: LakeReader) -> pl.DataFrame:
    """The rows of an entity; with a primary key those of all, since a row may pass from one entity to another."""
    entity = [(name, "==", value) for name, value in keys.row(0, named=True).items()]
    columns = dict.fromkeys([*view.columns, *SHOWN])
    return reader.rows_where(view.dataset.name, list(columns), () if view.dataset.primary_key else entity)


def _counting(view: FeatureView, rows: pl.DataFrame, keys: pl.DataFrame, t: int, k: int) -> pl.DataFrame:
    """The rows of one entity that count for a view of one feature, in event order, each position once."""
    rows = rows.sort(names.KNOWN_AT, names.RELEASE, nulls_last=False).unique(PLACE, keep="first").sort(ORDER)
    micros = [rows[name].dt.timestamp("us").to_numpy() for name in (names.EVENT_TIME, names.KNOWN_AT)]
    there = (micros[0] <= t) & (micros[1] <= k)
    if view.dataset.primary_key:
        there &= _latest_of_key(rows, there, view.dataset.primary_key, view.dataset.deletes)
    mine = rows.select(pl.struct(view.join_keys).is_in(keys.to_struct().implode())).to_series().to_numpy()
    rows, there, event_time = rows.filter(pl.Series(mine, dtype=pl.Boolean)), there[mine], micros[0][mine]
    if not view.aggregates:
        return rows.filter(pl.Series(there, dtype=pl.Boolean))
    # The row expressions are evaluated as the engine does; a dataset without a primary key lets go of no row.
    plain = replace(view, dataset=replace(view.dataset, primary_key=(), deletes=None))
    prepared = prepare(plain, rows)
    wanted = np.zeros(rows.height, np.bool_)
    for aggregate in view.aggregates:
        wanted |= _taken(aggregate, plain, prepared, event_time, t)
    return rows.filter(pl.Series(there & wanted, dtype=pl.Boolean))


def _taken(
    aggregate: Aggregate, view: FeatureView, prepared: PreparedRows, event_time: np.ndarray, t: int
) -> np.ndarray:
    taken = np.ones(len(event_time), np.bool_)
    if aggregate.window is not None:
        edge = t - aggregate.window
        if aggregate.hop:
            edge -= edge % aggregate.hop
        taken &= event_time > edge
    if aggregate.where is not None:
        column = prepared.inputs[view.inputs.index(aggregate.where)]
        taken &= (column.validity == VALUE) & (column.values != 0)
    return taken


def _latest_of_key(rows: pl.DataFrame, there: np.ndarray, key: Sequence[str], deletes: str | None) -> np.ndarray:
    """Which rows no later one has taken the place of."""
    numbered = rows.select(*key, *([deletes] if deletes else [])).with_row_index("_number")
    last = numbered.filter(pl.Series(there, dtype=pl.Boolean)).unique(list(key), keep="last", maintain_order=True)
    if deletes:
        last = last.filter(~pl.col(deletes).fill_null(value=False))
    return rows.select(pl.row_index().is_in(last["_number"].implode())).to_series().to_numpy()


def key_frame(view: FeatureView, entity: Mapping[str, object]) -> pl.DataFrame:
    """An entity's join keys as a frame of one row, of the keys' types."""
    return pl.DataFrame([[entity[key] for key in view.join_keys]], schema=dtypes(view.key_schema), orient="row")
