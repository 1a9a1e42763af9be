"""The rows of a dataset as they come, one frame after the other, cut down to what a view is evaluated from."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.feature_store.column_type import FLOAT64
from mlinfra_assets.feature_store.dataset import COORDINATES
from mlinfra_assets.feature_store.engine.arrange import Coordinates
from mlinfra_assets.feature_store.engine.compiled import compiled
from mlinfra_assets.feature_store.engine.entities import EntityIndex
from mlinfra_assets.feature_store.engine.rows import NOT_FINITE, VALUE, InputColumn, input_types, polars_type
from mlinfra_assets.feature_store.engine.trees import TreeEvaluator
from mlinfra_assets.feature_store.engine.vector import Vector
from mlinfra_assets.feature_store.errors import FeatureOverflowError, RetrievalError
from mlinfra_assets.feature_store.nodes import Column, Node
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.positions import Positions

_MOST = 0.75

Since: TypeAlias = Callable[[pl.DataFrame], np.ndarray]
"""From when on rows (with their coordinates) count, besides their known-at times: int64[n], microseconds since 1970."""

PLACE = (names.PARTITION, names.OFFSET, names.ROW)


@dataclass
class Gathered:
    """What has been gathered.

    Attributes:
        keys: The join keys of the rows, a frame for each that came; only if all entities are of interest.
        numbers: The numbers of the rows' entities, int32 arrays; only if some are of interest.
        event_times: Event times of the rows, int64 arrays.
        lags: Known-at times less event times, integer arrays.
        places: Partition, offset and row.
        inputs: The view's row expressions.
        since: From when on the rows count, besides their known-at times, int64 arrays; only if that is asked.
    """

    keys: list[pl.DataFrame] = field(default_factory=list)
    numbers: list[np.ndarray] = field(default_factory=list)
    event_times: list[np.ndarray] = field(default_factory=list)
    lags: list[np.ndarray] = field(default_factory=list)
    places: tuple[list[np.ndarray], ...] = field(default_factory=lambda: ([], [], []))
    inputs: list[tuple[InputColumn, ...]] = field(default_factory=list)
    since: list[np.ndarray] = field(default_factory=list)

    def coordinates(self) -> Coordinates:
        """Where all rows stand; what was gathered of it is let go of."""
        partition, offset, row = (_joined(parts, np.int8) for parts in self.places)
        return Coordinates(_joined(self.event_times, np.int64), _joined(self.lags, np.int8), (partition, offset, row))

    def input(self, view: FeatureView, j: int) -> InputColumn:
        """One row expression of all rows; what was gathered of it is let go of."""
        parts = [columns[j] for columns in self.inputs]
        self.inputs = [(*columns[:j], _EMPTY, *columns[j + 1 :]) for columns in self.inputs]
        return InputColumn.join(input_types(view)[j], parts)


_EMPTY = InputColumn(FLOAT64, np.zeros(0), np.zeros(0, np.uint8))


class Gatherer:
    """Gathers rows.

    Args:
        view: The view.
        covered: Leave out rows past this watermark. None: all rows count.
        only: The entities that are of interest. None: all.
        since: From when on rows count, besides their known-at times. None: from those.
    """

    def __init__(
        self, view: FeatureView, covered: Positions | None, only: EntityIndex | None, since: Since | None = None
    ) -> None:
        self._view, self._covered, self._only, self._since = view, covered, only, since
        self.found = Gathered()
        self.given = self.not_covered = self.without_key = 0

    def covered(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows up to the watermark, with the view's columns.

        Raises:
            RetrievalError: A column is missing, of another type than the dataset declares, or a coordinate is null.
        """
        self.given += rows.height
        rows = checked(self._view, rows)
        if self._covered is None:
            return rows
        kept = rows.filter(is_covered(self._covered))
        self.not_covered += rows.height - kept.height
        return kept

    def add(self, rows: pl.DataFrame) -> np.ndarray | None:
        """Take rows up; returns which of them were (int64[m]), None if all were.

        Raises:
            FeatureOverflowError: A row expression does not fit in 64 bits.
        """
        keys = list(self._view.join_keys)
        nulls = [key for key in keys if rows.get_column(key).null_count()]
        if nulls:
            self.without_key += rows.select(pl.any_horizontal(pl.col(nulls).is_null()).sum()).item()
        chosen = None
        if self._only is not None:
            numbers = self._only.numbers(rows)
            inside = numbers >= 0
            # A few rows of others are left out later at no cost, many are not worth carrying.
            if np.count_nonzero(inside) < _MOST * len(inside):
                chosen, numbers = np.flatnonzero(inside), numbers[inside]
                rows = rows.filter(pl.Series(inside))
            self.found.numbers.append(numbers)
        if self._only is None:
            self.found.keys.append(rows.select(keys).rechunk())
        event_time = rows.get_column(names.EVENT_TIME).to_physical().to_numpy()
        self.found.event_times.append(event_time)
        self.found.lags.append(_narrow(rows.get_column(names.KNOWN_AT).to_physical().to_numpy() - event_time))
        for parts, column in zip(self.found.places, PLACE, strict=True):
            parts.append(_narrow(rows.get_column(column).to_numpy()))
        if self._since is not None:
            self.found.since.append(self._since(rows))
        self.found.inputs.append(inputs_of(self._view, rows))
        return chosen


def checked(view: FeatureView, rows: pl.DataFrame, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """The view's columns, or some of them, keys in their own types.

    Raises:
        RetrievalError: A column is missing, of another type than the dataset declares, or a coordinate is null.
    """
    wanted = view.columns if columns is None else columns
    missing = [column for column in wanted if column not in rows.columns]
    if missing:
        raise RetrievalError(
            f"view {view.name}: dataset {view.dataset.name} came without {', '.join(missing)}; it has "
            f"{', '.join(rows.columns)}"
        )
    required = [column for column in (names.EVENT_TIME, names.KNOWN_AT, *PLACE) if column in wanted]
    nulls = [column for column in required if rows.get_column(column).null_count()]
    if nulls:
        raise RetrievalError(f"view {view.name}: dataset {view.dataset.name} has nulls in {', '.join(nulls)}")
    types = {column: view.dataset.type_of(column) for column in (*view.join_keys, *view.dataset.primary_key, *required)}
    for column, kind in types.items():
        Vector.from_polars(rows.get_column(column).head(0), kind)
    rows = rows.select(wanted)
    plain = [pl.col(c).cast(polars_type(kind)) for c, kind in types.items() if kind.kind in {"int64", "string"}]
    return rows.with_columns(plain)


def is_covered(covered: Positions) -> pl.Expr:
    """Whether a row (with its coordinates) lies under a watermark of its source."""
    upto = pl.lit(-1, pl.Int64)
    for partition, offset in covered.offsets.items():
        upto = pl.when(pl.col(names.PARTITION) == partition).then(pl.lit(offset, pl.Int64)).otherwise(upto)
    return (pl.col(names.OFFSET) <= upto) & (pl.col(names.RELEASE).fill_null(0) <= covered.releases)


class _RowExpressions(TreeEvaluator):
    """Evaluates expressions over the columns of some rows."""

    def __init__(self, view: FeatureView, rows: pl.DataFrame) -> None:
        super().__init__(rows.height, finite=False)
        self._view, self._rows = view, rows

    def leaf(self, node: Node) -> Vector:
        if not isinstance(node, Column):
            raise TypeError(f"not a row expression: {node}")
        kind = COORDINATES.get(node.name) or self._view.dataset.type_of(node.name)
        return Vector.from_polars(self._rows.get_column(node.name), kind)


def inputs_of(view: FeatureView, rows: pl.DataFrame) -> tuple[InputColumn, ...]:
    """The view's row expressions on some rows of its dataset.

    Raises:
        RetrievalError: A column is of another type than the dataset declares.
        FeatureOverflowError: A row expression does not fit in 64 bits.
    """
    evaluator = _RowExpressions(view, rows)
    try:
        return tuple(_stored(evaluator.evaluate(node)) for node in view.inputs)
    except FeatureOverflowError as error:
        raise FeatureOverflowError(f"view {view.name}, in a row of {view.dataset.name}: {error}") from error


def _stored(vector: Vector) -> InputColumn:
    if vector.type == FLOAT64:
        return InputColumn(vector.type, *_stored_floats(vector.values, vector.valid))
    validity = vector.valid.view(np.uint8)
    if validity.all():
        return InputColumn(vector.type, vector.values.astype(np.int64, copy=False), validity, vector.dictionary)
    values = np.where(vector.valid, vector.values, 0).astype(np.int64)
    return InputColumn(vector.type, values, validity, vector.dictionary)


@compiled
def _stored_floats(values: np.ndarray, valid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    stored = np.zeros(len(values), np.float64)
    validity = np.zeros(len(values), np.uint8)
    for i in range(len(values)):
        if valid[i]:
            # Adding zero turns a negative zero into zero and changes nothing else.
            stored[i] = values[i] + 0.0
            validity[i] = VALUE if math.isfinite(values[i]) else NOT_FINITE
    return stored, validity


def _narrow(values: np.ndarray) -> np.ndarray:
    """The same integers in as few bytes as they need."""
    if not len(values):
        return values.astype(np.int8)
    low, high = values.min(), values.max()
    for dtype in (np.int8, np.int16, np.int32):
        if np.iinfo(dtype).min <= low and high <= np.iinfo(dtype).max:
            return values.astype(dtype)
    return values


def _joined(parts: list[np.ndarray], dtype: type) -> np.ndarray:
    """Arrays one after the other; the list is emptied."""
    joined = np.concatenate(parts) if parts else np.zeros(0, dtype)
    parts.clear()
    return joined
