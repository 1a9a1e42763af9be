"""Why a value came out different: the rows that raw gives for an entity, beside those that the platform has of it."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.audit.bits import Mismatch, as_logged, shown
from mlinfra_assets.audit.logged import LoggedPrediction
from mlinfra_assets.audit.vectors import Vectors
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
    used = prediction.views[view_name]
    document, rows = vectors.rows[view_name, used.version]
    view = document.view
    table = lake.table(view.dataset.table)
    if not table.exists() or not set(view.columns) <= set(table.schema().names):
        return []
    watermark = used.watermark[view.dataset.source]
    where = [(key, "==", prediction.entity[key]) for key in view.join_keys]
    had = table.read(columns=list(view.columns), where=where)
    made = rows.filter([pl.col(key) == prediction.entity[key] for key in view.join_keys])
    had, made = (_covered(frame, watermark) for frame in (had, made))
    entity = ", ".join(f"{key}={prediction.entity[key]!r}" for key in view.join_keys)
    lines = [
        f"{view.dataset.table} has a row of {entity} from {_place(row)} that raw/{view.dataset.source} does not give"
        for row in had.join(made, on=PLACE, how="anti").head(MOST_ROWS).iter_rows(named=True)
    ]
    lines += [
        f"raw/{view.dataset.source} gives a row of {entity} from {_place(row)} that {view.dataset.table} does not have"
        for row in made.join(had, on=PLACE, how="anti").head(MOST_ROWS).iter_rows(named=True)
    ]
    both = had.join(made, on=PLACE, how="inner", suffix="/raw")
    for column in view.columns:
        if column in PLACE:
            continue
        differs = both.filter(pl.col(column).ne_missing(pl.col(f"{column}/raw"))).head(MOST_ROWS)
        lines += [
            f"{view.dataset.table}, {entity}, {_place(row)}: {column} is {_text(row[column])}, raw gives "
            f"{_text(row[f'{column}/raw'])}"
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
