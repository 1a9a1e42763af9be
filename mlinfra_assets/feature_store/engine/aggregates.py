"""The aggregates of a view at many questions: which reductions each rests on, and its value from them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from mlinfra_assets.feature_store.column_type import BOOLEAN, FLOAT64, INT64, TIMESTAMP, ColumnType
from mlinfra_assets.feature_store.engine import exact, sums
from mlinfra_assets.feature_store.engine.probes import Probes
from mlinfra_assets.feature_store.engine.reductions import Arrays, Kind, Reducer, Reduction
from mlinfra_assets.feature_store.engine.rows import VALUE, InputColumn, PreparedRows, dtype_of
from mlinfra_assets.feature_store.engine.vector import Vector
from mlinfra_assets.feature_store.errors import FeatureOverflowError
from mlinfra_assets.feature_store.nodes import Aggregate, Function, Node
from mlinfra_assets.feature_store.view import FeatureView

_LATEST = Reduction("last", None, None, None, None)
_CHOSEN: dict[Function, Kind] = {
    "min": "smallest",
    "max": "largest",
    "first": "first",
    "last": "last",
    "latest": "last",
    "since_last": "last",
    "quantile": "quantile",
    "most_frequent": "most_frequent",
}


class AggregateEvaluator:
    """Evaluates the aggregates of one view at the same questions.

    Args:
        view: The view.
        rows: Its rows.
        probes: The questions.
        wanted: The aggregates that are asked for.
    """

    def __init__(self, view: FeatureView, rows: PreparedRows, probes: Probes, wanted: Sequence[Aggregate]) -> None:
        self._view, self._rows, self._probes = view, rows, probes
        self._places = {node: place for place, node in enumerate(view.inputs)}
        self._reducer = Reducer(view, rows, probes)
        self._spread = {of: self._squares_fit(of) for of in {a.of for a in wanted if a.function in {"variance", "std"}}}
        needed = [_LATEST, *(reduction for a in wanted for reduction in self._needs(a))]
        self._found = self._reducer.reduce(needed)

    def latest(self) -> tuple[np.ndarray, np.ndarray]:
        """Event time (int64[n], microseconds) of the latest row of each question, and whether there is one."""
        chosen = self._probes.as_asked(self._found[_LATEST][0])
        return _at(self._rows.event_time, chosen), chosen >= 0

    def evaluate(self, aggregate: Aggregate, served: np.ndarray) -> Vector:
        """The value of an aggregate at each question, in the order they were asked in.

        Args:
            aggregate: One of those asked for.
            served: bool[n]: null elsewhere.

        Raises:
            FeatureOverflowError: A sum of integers does not fit in 64 bits.
        """
        if aggregate.function == "last_n":
            return self._list(aggregate).where(served)
        order = self._probes.order
        found = self._evaluate(aggregate, served if order is None else served[order])
        return Vector(
            found.type, self._probes.as_asked(found.values), self._probes.as_asked(found.valid), found.dictionary
        )

    def _evaluate(self, aggregate: Aggregate, served: np.ndarray) -> Vector:
        function, column = aggregate.function, self._column(aggregate.of)
        usable = self._finite(aggregate) & served
        if function == "count":
            return Vector(INT64, self._get("count", aggregate)[0], usable).where(usable)
        if function == "count_distinct":
            return Vector(INT64, self._get("distinct", aggregate)[0], usable).where(usable)
        if function in {"sum", "mean"}:
            floats = column.type == FLOAT64
            return self._float_total(aggregate, usable) if floats else self._exact_total(aggregate, column, usable)
        if function in {"variance", "std"}:
            return self._variance(aggregate, column, usable)
        if function == "mean_interval":
            return self._mean_interval(aggregate, usable)
        chosen = self._get(_CHOSEN[function], aggregate)[0]
        valid = (chosen >= 0) & usable
        if function == "since_last":
            age = np.where(valid, self._probes.t - _at(self._rows.event_time, chosen), 0)
            return Vector(FLOAT64, exact.to_double(age, 6), valid)
        if function == "latest":
            valid[valid] = column.validity_at(chosen[valid]) == VALUE
        values = np.zeros(len(chosen), dtype_of(column.type))
        values[valid] = column.values_at(chosen[valid])
        return _vector(column.type, values, valid, column.dictionary)

    def _needs(self, a: Aggregate) -> list[Reduction]:
        function, floats = a.function, self._column(a.of).type == FLOAT64
        kinds: list[Kind] = []
        if function in {"count", "mean_interval"} or (function != "latest" and self._reducer.has_strange(a.of)):
            kinds.append("count")
        if function == "count_distinct":
            kinds.append("distinct")
        elif function in {"sum", "mean", "variance", "std"}:
            kinds.append("floats" if floats else "integers")
        if function in {"variance", "std"}:
            kinds.append("squares" if self._spread[a.of] else "rows")
        elif function == "last_n":
            kinds.append("rows")
        elif function == "mean_interval":
            kinds.extend(("first", "last"))
        elif function in _CHOSEN:
            kinds.append(_CHOSEN[function])
        return [self._reduction(kind, a) for kind in kinds]

    def _get(self, kind: Kind, aggregate: Aggregate) -> Arrays:
        return self._found[self._reduction(kind, aggregate)]

    def _reduction(self, kind: Kind, a: Aggregate) -> Reduction:
        of = None if a.function == "latest" else a.of
        if kind in {"count", "first", "last"} and of is not None and self._column(of).all_there:
            # Which rows have a value does not depend on the column: one reduction serves all such columns.
            of = None
        parameter = a.parameter if kind in {"quantile", "rows"} else None
        return Reduction(kind, of, a.where, a.window, a.hop, parameter)

    def _column(self, of: Node | None) -> InputColumn:
        if of is not None:
            return self._rows.inputs[self._places[of]]
        return InputColumn(TIMESTAMP, self._rows.event_time, np.ones(len(self._rows), np.uint8))

    def _finite(self, aggregate: Aggregate) -> np.ndarray:
        """Where no value among the rows is NaN or infinite: bool[n]."""
        if aggregate.function == "latest" or not self._reducer.has_strange(aggregate.of):
            return np.ones(len(self._probes), np.bool_)
        return self._get("count", aggregate)[1] == 0

    def _float_total(self, aggregate: Aggregate, usable: np.ndarray) -> Vector:
        counts, totals = self._get("floats", aggregate)
        valid = usable & (counts > 0)
        if aggregate.function == "mean":
            totals = np.divide(totals, counts, out=np.zeros(len(totals)), where=valid)
        return Vector(FLOAT64, totals, valid).where(valid).finite()

    def _exact_total(self, aggregate: Aggregate, column: InputColumn, usable: np.ndarray) -> Vector:
        counts, lows, highs = self._get("integers", aggregate)
        scale, means = column.type.scale, aggregate.function == "mean"
        valid = usable & (counts > 0)
        fits = highs == lows.view(np.int64) >> 63
        totals = np.where(valid & fits, lows.view(np.int64), 0)
        if means:
            results = exact.divide(totals, np.where(valid, counts, 1), -scale)
        else:
            results = exact.to_double(totals, scale) if column.type != INT64 else totals
        for p in np.flatnonzero(valid & ~fits).tolist():
            total = _whole(lows, highs, p)
            if results.dtype == np.int64:
                raise FeatureOverflowError(
                    f"a sum of integers{self._of_whom(p)} is {total}, which does not fit in 64 bits: sum to_float()"
                )
            results[p] = exact.mean(total, int(counts[p]) if means else 1, scale)
        return Vector(INT64 if results.dtype == np.int64 else FLOAT64, results, valid).where(valid)

    def _of_whom(self, p: int) -> str:
        keys = self._rows.keys
        return "" if keys is None else f" of {keys.row(int(self._probes.entity[p]), named=True)}"

    def _variance(self, aggregate: Aggregate, column: InputColumn, usable: np.ndarray) -> Vector:
        if column.type == FLOAT64:
            found = self._float_variance(aggregate, column, usable)
        else:
            found = self._exact_variance(aggregate, column, usable)
        return Vector(FLOAT64, np.sqrt(found.values), found.valid) if aggregate.function == "std" else found

    def _float_variance(self, aggregate: Aggregate, column: InputColumn, usable: np.ndarray) -> Vector:
        counts, totals = self._get("floats", aggregate)
        rows, begins = self._get("rows", aggregate)
        means = np.divide(totals, counts, out=np.zeros(len(totals)), where=counts > 0)
        valid = usable & (counts > 1) & np.isfinite(means)
        squares = sums.sum_squared_deviations(rows, begins, column.values, np.where(valid, means, 0.0))
        results = np.divide(squares, counts - 1, out=np.zeros(len(squares)), where=valid)
        return Vector(FLOAT64, results, valid).finite()

    def _exact_variance(self, aggregate: Aggregate, column: InputColumn, usable: np.ndarray) -> Vector:
        counts, lows, highs = self._get("integers", aggregate)
        valid = usable & (counts > 1)
        if not self._spread[aggregate.of]:
            rows, begins = self._get("rows", aggregate)
            results = np.zeros(len(counts))
            for p in np.flatnonzero(valid).tolist():
                values = column.values[rows[begins[p] : begins[p + 1]]].tolist()
                total, square = sum(values), sum(value * value for value in values)
                results[p] = exact.variance(len(values), total, square, column.type.scale)
            return Vector(FLOAT64, results, valid)
        squares_low, squares_high = self._get("squares", aggregate)
        totals, squares = lows.view(np.int64), squares_low.view(np.int64)
        fit = (highs == totals >> 63) & (squares_high == 0) & (squares >= 0)
        results, larger = exact.variances(counts, totals, squares, fit, column.type.scale)
        for p in np.flatnonzero(valid & larger).tolist():
            total, square = _whole(lows, highs, p), _whole(squares_low, squares_high, p)
            results[p] = exact.variance(int(counts[p]), total, square, column.type.scale)
        return Vector(FLOAT64, results, valid).where(valid)

    def _squares_fit(self, of: Node | None) -> bool:
        """Whether no sum of squares can reach 2 ** 126."""
        column = self._column(of)
        if column.type == FLOAT64:
            return False
        largest = max(abs(int(column.values.max(initial=0))), abs(int(column.values.min(initial=0))))
        most = int(np.diff(self._rows.starts).max(initial=0))
        return largest * largest * most < 2**126

    def _mean_interval(self, aggregate: Aggregate, usable: np.ndarray) -> Vector:
        counts, _ = self._get("count", aggregate)
        first, last = self._get("first", aggregate)[0], self._get("last", aggregate)[0]
        valid = usable & (counts > 1)
        spans = np.where(valid, _at(self._rows.event_time, last) - _at(self._rows.event_time, first), 0)
        return Vector(FLOAT64, exact.divide(spans, np.where(valid, counts - 1, 1), -6), valid)

    def _list(self, aggregate: Aggregate) -> Vector:
        column = self._column(aggregate.of)
        rows, begins = self._get("rows", aggregate)
        valid = (np.diff(begins) > 0) & self._finite(aggregate)
        kind = ColumnType("list", element=FLOAT64.kind if column.type.kind == "decimal" else column.type.kind)
        flat = _vector(column.type, column.values_at(rows), np.ones(len(rows), np.bool_), column.dictionary)
        return Vector.of_lists(kind, flat, begins, valid).gather(self._probes.as_asked(np.arange(len(valid))))


def _at(values: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The values of the chosen rows; 0 where no row is chosen."""
    if not len(values):
        return np.zeros(len(chosen), values.dtype)
    return np.where(chosen >= 0, values[chosen], np.zeros(1, values.dtype))


def _whole(lows: np.ndarray, highs: np.ndarray, p: int) -> int:
    return (int(highs[p]) << 64) + int(lows[p])


def _vector(kind: ColumnType, values: np.ndarray, valid: np.ndarray, dictionary: tuple[str, ...] = ()) -> Vector:
    """A result: decimals become doubles, conditions truth values."""
    if kind == BOOLEAN:
        values = values != 0
    vector = Vector(kind, values, valid, dictionary).where(valid)
    return vector.to(FLOAT64) if kind.kind == "decimal" else vector
