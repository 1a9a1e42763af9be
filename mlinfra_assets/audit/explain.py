"""Why a value came out different: the rows that raw gives for an entity, beside those that the platform has of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.audit.bits import Mismatch, Value, as_logged, shown
from mlinfra_assets.audit.logged import LoggedPrediction
from mlinfra_assets.audit.raw_datasets import RawDatasets
from mlinfra_assets.audit.vectors import Vectors
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.positions import Positions

PLACE = [names.PARTITION, names.OFFSET, names.ROW]
MOST_ENTITIES, MOST_ROWS = 5, 5


def causes(
    mismatches: Sequence[Mismatch], predictions: Sequence[LoggedPrediction], vectors: Vectors, lake: Lake
) -> list[str]:
    """One sentence for each row that differs, for the entities of the first mismatches.

    Only rows are compared; a difference without one lies in what computed the value (its definition, its time, its
    watermark, the model) or in the event.
    """
    if not mismatches:
        return []
    by_id = {prediction.prediction_id: prediction for prediction in predictions}
    seen: dict[tuple[object, ...], None] = {}
    found: dict[str, None] = {}
    for mismatch in mismatches:
        if mismatch.view is None:
            continue
        prediction = by_id[mismatch.prediction_id]
        used = prediction.views[mismatch.view]
        key = (mismatch.view, used.version, *prediction.entity.items())
        if key in seen:
            continue
        if len(seen) == MOST_ENTITIES:
            break
        seen[key] = None
        found.update(dict.fromkeys(_of_entity(mismatch.view, prediction, vectors, lake)))
    return list(found)


def _of_entity(view_name: str, prediction: LoggedPrediction, vectors: Vectors, lake: Lake) -> list[str]:
    """The rows that differ of the entity, and any of the datasets behind views that are used."""
    used = prediction.views[view_name]
    document, rows = vectors.rows[view_name, used.version]
    entity = {key: prediction.entity[key] for key in document.view.join_keys}
    lines = _differences(document.view, rows, used.watermark, entity, lake)
    for other in _used(document.view):
        if other.dataset.name in rows.frames:
            lines += _differences(other, rows, used.watermark, {}, lake)
    return lines


def _used(view: FeatureView) -> list[FeatureView]:
    return [found for used in view.uses for found in (used, *_used(used))]


def _differences(
    view: FeatureView, rows: RawDatasets, watermarks: Mapping[str, Positions], entity: Mapping[str, Value], lake: Lake
) -> list[str]:
    """What differs between the rows of a view's dataset that raw gives and those of its table, of one entity or all."""
    table, source = view.dataset.table, view.dataset.source
    there = lake.table(table)
    columns = [column for column in view.columns if column in rows.frames[view.dataset.name].columns]
    if not there.exists() or not set(columns) <= set(there.schema().names):
        return []
    had = there.read(columns=columns, where=[(key, "==", value) for key, value in entity.items()])
    made = rows.frames[view.dataset.name].select(columns)
    made = made.filter([pl.col(key) == value for key, value in entity.items()]) if entity else made
    had, made = (_covered(frame, watermarks[source]) for frame in (had, made))
    who = ", ".join(f"{key}={value!r}" for key, value in entity.items()) or "any entity"
    lines = [
        f"{table} has a row of {who} from {_place(row)} that raw/{source} does not give"
        for row in had.join(made, on=PLACE, how="anti").head(MOST_ROWS).iter_rows(named=True)
    ]
    lines += [
        f"raw/{source} gives a row of {who} from {_place(row)} that {table} does not have"
        for row in made.join(had, on=PLACE, how="anti").head(MOST_ROWS).iter_rows(named=True)
    ]
    both = had.join(made, on=PLACE, how="inner", suffix="/raw")
    for column in columns:
        if column in PLACE:
            continue
        differs = both.filter(pl.col(column).ne_missing(pl.col(f"{column}/raw"))).head(MOST_ROWS)
        lines += [
            f"{table}, {who}, {_place(row)}: {column} is {_text(row[column])}, raw gives {_text(row[f'{column}/raw'])}"
            for row in differs.iter_rows(named=True)
        ]
    return lines


def _covered(rows: pl.DataFrame, watermark: Positions) -> pl.DataFrame:
    ends = pl.DataFrame(
        {names.PARTITION: list(watermark.offsets), "_end": list(watermark.offsets.values())},
        schema={names.PARTITION: rows.schema[names.PARTITION], "_end": pl.Int64()},
    )
    let_in = pl.col(names.RELEASE).fill_null(0) <= watermark.releases
    covered = rows.join(ends, on=names.PARTITION).filter(pl.col(names.OFFSET) <= pl.col("_end"), let_in)
    return covered.drop("_end").sort(PLACE)


def _place(row: dict[str, object]) -> str:
    return f"partition {row[names.PARTITION]}, offset {row[names.OFFSET]}, row {row[names.ROW]}"


def _text(value: object) -> str:
    if value is None or isinstance(value, int | float | str):
        return shown(as_logged(value))
    return str(value)
