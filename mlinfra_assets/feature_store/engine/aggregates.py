"""Aggregates at many (entity, t, k): the compiled loops, and exact integers where those do not suffice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mlinfra_assets.feature_store.column_type import BOOLEAN, FLOAT64, INT64, ColumnType
from mlinfra_assets.feature_store.engine import exact, kernels
from mlinfra_assets.feature_store.engine.kernels import BEYOND, FOUND
from mlinfra_assets.feature_store.engine.rows import VALUE, InputColumn, PreparedRows, Replacements
from mlinfra_assets.feature_store.engine.vector import Vector
from mlinfra_assets.feature_store.errors import FeatureOverflowError
from mlinfra_assets.feature_store.nodes import Aggregate, Node
from mlinfra_assets.feature_store.view import FeatureView

_NONE = np.zeros(0, np.int64)
_FOLDS = {
    "count": kernels.COUNT,
    "sum": kernels.SUM,
    "mean": kernels.SUM,
    "min": kernels.MIN,
    "max": kernels.MAX,
    "first": kernels.FIRST,
    "last": kernels.LAST,
    "since_last": kernels.LAST,
}
_Found = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Probes:
    """Questions: which entity, at which time, as known when.

    Attributes:
        entity: int64[n], the number of the entity; -1 for one without rows.
        t: int64[n], microseconds since 1970 UTC.
        k: int64[n], microseconds since 1970 UTC.
    """

    entity: np.ndarray
    t: np.ndarray
    k: np.ndarray

    def __len__(self) -> int:
        return len(self.entity)


class AggregateEvaluator:
    """Evaluates the aggregates of one view at the same probes.

    Args:
        view: The view.
        rows: Its rows.
        probes: The questions.
    """

    def __init__(self, view: FeatureView, rows: PreparedRows, probes: Probes) -> None:
        self._view, self._rows, self._probes = view, rows, probes
        self._places = {node: place for place, node in enumerate(view.inputs)}
        self._edges: dict[tuple[int | None, int | None], np.ndarray] = {}
        self._high = self._upper_bound(probes.t)
        replaced = rows.replaced or Replacements(_NONE, _NONE, _NONE)
        self._replaced = (replaced.offsets, replaced.event_time, replaced.known_at)

    def latest(self) -> tuple[np.ndarray, np.ndarray]:
        """Event time (int64[n], microseconds) of the latest row of each probe, and whether there is one (bool[n])."""
        values, _, outcomes = self._fold("last", np.ones(len(self._rows), np.uint8), self._rows.event_time, None, None)
        return values, outcomes == FOUND

    def evaluate(self, aggregate: Aggregate) -> Vector:
        """The value of an aggregate at each probe.

        Raises:
            FeatureOverflowError: A sum of integers does not fit in 64 bits.
        """
        column = self._column(aggregate)
        state = self._state(column, aggregate.where)
        if aggregate.function == "count_distinct":
            return self._distinct(column, state, aggregate)
        if aggregate.function in {"sum", "mean"}:
            return self._total(column, state, aggregate)
        if column.type == FLOAT64:
            ordered = _by_order(column.values.view(np.int64))
            values, counts, outcomes = self._fold(aggregate.function, state, ordered, aggregate.window, aggregate.hop)
            values = _by_order(values).view(np.float64)
        else:
            values, counts, outcomes = self._fold(
                aggregate.function, state, column.values, aggregate.window, aggregate.hop
            )
        if aggregate.function == "count":
            return Vector(INT64, counts, outcomes != kernels.NOT_FINITE).where(outcomes != kernels.NOT_FINITE)
        found = outcomes == FOUND
        if aggregate.function == "since_last":
            age = np.where(found, self._probes.t - values, 0)
            return Vector(FLOAT64, exact.to_double(age, 6), found)
        return _vector(column.type, values, found, column.dictionary)

    def _column(self, aggregate: Aggregate) -> InputColumn:
        if aggregate.of is not None:
            return self._rows.inputs[self._places[aggregate.of]]
        return InputColumn(INT64, self._rows.event_time, np.ones(len(self._rows), np.uint8))

    def _state(self, column: InputColumn, where: Node | None) -> np.ndarray:
        if where is None:
            return column.validity
        condition = self._rows.inputs[self._places[where]]
        return np.where((condition.validity == VALUE) & (condition.values != 0), column.validity, 0).astype(np.uint8)

    def _total(self, column: InputColumn, state: np.ndarray, aggregate: Aggregate) -> Vector:
        floats = column.type == FLOAT64
        window = (aggregate.window, aggregate.hop)
        found = (
            self._sum_floats(state, column.values, *window)
            if floats
            else self._fold("sum", state, column.values, *window)
        )
        totals, counts, outcomes = found
        means = aggregate.function == "mean"
        scale = column.type.scale
        if floats:
            for p in np.flatnonzero(outcomes == BEYOND).tolist():
                total = exact.sum_of_floats(self._values(p, state, column.values, aggregate))
                totals[p] = np.nan if total is None else total
            valid = (outcomes == FOUND) | (outcomes == BEYOND)
            results = np.divide(totals, counts, out=np.zeros(len(totals)), where=valid) if means else totals
            return Vector(FLOAT64, results, valid).finite()
        valid = outcomes == FOUND
        totals = np.where(valid, totals, 0)
        if means:
            results = exact.divide(totals, np.where(valid, counts, 1), -scale)
        else:
            results = exact.to_double(totals, scale) if scale or column.type != INT64 else totals
        for p in np.flatnonzero(outcomes == BEYOND).tolist():
            total = sum(self._values(p, state, column.values, aggregate).tolist())
            results[p] = self._beyond(total, int(counts[p]) if means else 1, column.type, aggregate)
        return _vector(column.type if results.dtype == np.int64 else FLOAT64, results, valid | (outcomes == BEYOND))

    def _beyond(self, total: int, count: int, kind: ColumnType, aggregate: Aggregate) -> float | int:
        if aggregate.function == "mean" or kind != INT64:
            return exact.mean(total, count, kind.scale)
        if not exact.INT64_MIN <= total <= exact.INT64_MAX:
            raise FeatureOverflowError(f"a sum of integers is {total}, which does not fit in 64 bits: sum to_float()")
        return total

    def _distinct(self, column: InputColumn, state: np.ndarray, aggregate: Aggregate) -> Vector:
        codes, different = _codes(column)
        low = self._low(aggregate.window, aggregate.hop)
        counts, outcomes = kernels.count_distinct(
            self._rows.known_at,
            state,
            codes,
            different,
            *self._replaced,
            low,
            self._high,
            self._probes.t,
            self._probes.k,
        )
        return Vector(INT64, counts, outcomes == FOUND).where(outcomes == FOUND)

    def _fold(
        self, function: str, state: np.ndarray, values: np.ndarray, window: int | None, hop: int | None
    ) -> _Found:
        low = self._low(window, hop)
        p = self._probes
        known_at = self._rows.known_at
        return kernels.fold(_FOLDS[function], known_at, state, values, *self._replaced, low, self._high, p.t, p.k)

    def _sum_floats(self, state: np.ndarray, values: np.ndarray, window: int | None, hop: int | None) -> _Found:
        low = self._low(window, hop)
        p = self._probes
        return kernels.sum_floats(self._rows.known_at, state, values, *self._replaced, low, self._high, p.t, p.k)

    def _values(self, p: int, state: np.ndarray, values: np.ndarray, aggregate: Aggregate) -> np.ndarray:
        """The values that take part at one probe, without the compiled loops."""
        t, k = self._probes.t[p], self._probes.k[p]
        offsets, events, knowns = self._replaced
        taken = []
        for i in range(self._low(aggregate.window, aggregate.hop)[p], self._high[p]):
            if state[i] != VALUE or self._rows.known_at[i] > k:
                continue
            later = slice(offsets[i], offsets[i + 1]) if len(offsets) else slice(0, 0)
            if not ((events[later] <= t) & (knowns[later] <= k)).any():
                taken.append(i)
        return values[taken]

    def _low(self, window: int | None, hop: int | None) -> np.ndarray:
        known = self._edges.get((window, hop))
        if known is None:
            known = self._edges[window, hop] = self._first_row(window, hop)
        return known

    def _first_row(self, window: int | None, hop: int | None) -> np.ndarray:
        if window is None:
            return np.where(self._probes.entity < 0, 0, self._rows.starts[self._probes.entity])
        edge = self._probes.t - window
        return self._upper_bound(edge if hop is None else edge // hop * hop)

    def _upper_bound(self, edge: np.ndarray) -> np.ndarray:
        return kernels.upper_bound(self._rows.starts, self._rows.event_time, self._probes.entity, edge)


def _codes(column: InputColumn) -> tuple[np.ndarray, int]:
    """Equal values as equal numbers from 0 on, and how many numbers there are."""
    if column.type.kind == "string":
        return column.values, max(1, len(column.dictionary))
    different, codes = np.unique(column.values, return_inverse=True)
    return codes.astype(np.int64), len(different)


def _by_order(bits: np.ndarray) -> np.ndarray:
    """The bits of doubles as integers that compare alike, and back."""
    return bits ^ ((bits >> 63) & np.int64(0x7FFF_FFFF_FFFF_FFFF))


def _vector(kind: ColumnType, values: np.ndarray, valid: np.ndarray, dictionary: tuple[str, ...] = ()) -> Vector:
    """A result: decimals become doubles, conditions truth values."""
    if kind == BOOLEAN:
        values = values != 0
    vector = Vector(kind, values, valid, dictionary).where(valid)
    return vector.to(FLOAT64) if kind.kind == "decimal" else vector
