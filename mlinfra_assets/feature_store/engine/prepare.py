"""From a dataset's rows to what a view is evaluated from."""

from __future__ import annotations

import numpy as np
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.feature_store.column_type import FLOAT64
from mlinfra_assets.feature_store.dataset import COORDINATES
from mlinfra_assets.feature_store.engine.replacements import ARRIVAL, find_replacements, take
from mlinfra_assets.feature_store.engine.rows import (
    NOT_FINITE,
    InputColumn,
    PreparedRows,
    PrepareReport,
    polars_type,
)
from mlinfra_assets.feature_store.engine.trees import TreeEvaluator
from mlinfra_assets.feature_store.engine.vector import Vector
from mlinfra_assets.feature_store.errors import FeatureOverflowError, RetrievalError
from mlinfra_assets.feature_store.nodes import Column, Node
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.positions import Positions

_PLACE = (names.PARTITION, names.OFFSET, names.ROW)


def prepare(
    view: FeatureView,
    rows: pl.DataFrame,
    covered: Positions | None = None,
    only: pl.DataFrame | None = None,
) -> PreparedRows:
    """Sort a dataset's rows by entity and time, and evaluate the view's row expressions on them.

    Args:
        view: The view.
        rows: The dataset, with `view.columns` at least; in any order.
        covered: Leave out rows past this watermark. None: all rows count.
        only: Join keys of the entities that are of interest. None: all.

    Raises:
        RetrievalError: A column is missing, of another type than the dataset declares, or a coordinate is null.
        FeatureOverflowError: A row expression does not fit in 64 bits.
    """
    given = rows.height
    rows = _checked(view, rows)
    if covered is not None:
        rows = rows.filter(_is_covered(covered))
    kept = rows.height
    rows = rows.sort(names.KNOWN_AT, names.RELEASE, nulls_last=False).unique(_PLACE, keep="first", maintain_order=True)
    single = rows.height
    replaced = find_replacements(rows, view.dataset.primary_key) if view.dataset.primary_key else None
    rows = rows.with_row_index("_index")
    keyed = rows.drop_nulls(list(view.join_keys))
    without_key = rows.height - keyed.height
    if only is not None:
        keyed = keyed.join(only.select(view.join_keys).unique(), on=list(view.join_keys), how="semi")
    keyed = keyed.sort(*view.join_keys, names.EVENT_TIME, *ARRIVAL)
    keys, starts = _entities(view, keyed)
    inputs = _inputs(view, keyed)
    strange = [column.validity == NOT_FINITE for column in inputs if column.type == FLOAT64]
    return PreparedRows(
        starts=starts,
        event_time=_micros(keyed, names.EVENT_TIME),
        known_at=_micros(keyed, names.KNOWN_AT),
        inputs=inputs,
        replaced=None if replaced is None else take(replaced, keyed.get_column("_index").to_numpy().astype(np.int64)),
        keys=keys,
        report=PrepareReport(
            rows=given,
            not_covered=given - kept,
            repeated=kept - single,
            without_key=without_key,
            not_finite=int(np.logical_or.reduce(strange).sum()) if strange else 0,
        ),
    )


def _checked(view: FeatureView, rows: pl.DataFrame) -> pl.DataFrame:
    missing = [column for column in view.columns if column not in rows.columns]
    if missing:
        raise RetrievalError(
            f"view {view.name}: dataset {view.dataset.name} came without {', '.join(missing)}; it has "
            f"{', '.join(rows.columns)}"
        )
    required = (names.EVENT_TIME, names.KNOWN_AT, *_PLACE)
    nulls = [column for column in required if rows.get_column(column).null_count()]
    if nulls:
        raise RetrievalError(f"view {view.name}: dataset {view.dataset.name} has nulls in {', '.join(nulls)}")
    types = {column: view.dataset.type_of(column) for column in (*view.join_keys, *view.dataset.primary_key, *required)}
    for column, kind in types.items():
        Vector.from_polars(rows.get_column(column).head(0), kind)
    rows = rows.select(view.columns)
    plain = [pl.col(c).cast(polars_type(kind)) for c, kind in types.items() if kind.kind in {"int64", "string"}]
    return rows.with_columns(plain)


def _is_covered(covered: Positions) -> pl.Expr:
    upto = pl.lit(-1, pl.Int64)
    for partition, offset in covered.offsets.items():
        upto = pl.when(pl.col(names.PARTITION) == partition).then(pl.lit(offset, pl.Int64)).otherwise(upto)
    return (pl.col(names.OFFSET) <= upto) & (pl.col(names.RELEASE).fill_null(0) <= covered.releases)


def _entities(view: FeatureView, rows: pl.DataFrame) -> tuple[pl.DataFrame, np.ndarray]:
    keys = rows.select(view.join_keys)
    if keys.is_empty():
        return keys, np.zeros(1, np.int64)
    first = keys.select(pl.struct(pl.all()).rle_id().diff().fill_null(1) != 0).to_series().to_numpy()
    begins = np.flatnonzero(first)
    return keys[begins], np.append(begins, keys.height).astype(np.int64)


def _micros(rows: pl.DataFrame, column: str) -> np.ndarray:
    return rows.get_column(column).to_physical().to_numpy()


def _inputs(view: FeatureView, rows: pl.DataFrame) -> tuple[InputColumn, ...]:
    def leaf(node: Node) -> Vector:
        if not isinstance(node, Column):
            raise TypeError(f"not a row expression: {node}")
        kind = COORDINATES.get(node.name) or view.dataset.type_of(node.name)
        return Vector.from_polars(rows.get_column(node.name), kind)

    evaluator = TreeEvaluator(rows.height, leaf, finite=False)
    try:
        return tuple(_stored(evaluator.evaluate(node)) for node in view.inputs)
    except FeatureOverflowError as error:
        raise FeatureOverflowError(f"view {view.name}, in a row of {view.dataset.name}: {error}") from error


def _stored(vector: Vector) -> InputColumn:
    validity = vector.valid.astype(np.uint8)
    if vector.type == FLOAT64:
        finite = np.isfinite(vector.values)
        validity[vector.valid & ~finite] = NOT_FINITE
        # Adding zero turns a negative zero into zero and changes nothing else.
        return InputColumn(vector.type, np.where(vector.valid, vector.values, 0.0) + 0.0, validity)
    values = np.where(vector.valid, vector.values, 0).astype(np.int64)
    return InputColumn(vector.type, values, validity, vector.dictionary).cut(0, len(values))
