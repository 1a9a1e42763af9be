"""What the rows in a window are reduced to, before it is a value: counts, exact sums, the numbers of chosen rows.

Several aggregates rest on one reduction, which is made once: a sum and a mean on one sum.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from mlinfra_assets.feature_store.column_type import FLOAT64
from mlinfra_assets.feature_store.engine import extremes, lists, ranks, sums
from mlinfra_assets.feature_store.engine.moves import Moves
from mlinfra_assets.feature_store.engine.probes import Movements, Probes
from mlinfra_assets.feature_store.engine.rows import VALUE, PreparedRows
from mlinfra_assets.feature_store.nodes import Node
from mlinfra_assets.feature_store.view import FeatureView

Kind = Literal[
    "count", "integers", "squares", "floats", "distinct",
    "smallest", "largest", "first", "last", "quantile", "most_frequent", "rows",
]  # fmt: skip
Arrays = tuple[np.ndarray, ...]
_EXTREMES = {
    "smallest": extremes.SMALLEST,
    "largest": extremes.LARGEST,
    "first": extremes.FIRST,
    "last": extremes.LAST,
}
_ENDS = frozenset({"count", "first", "last"})
_RANKS = {"quantile": ranks.QUANTILE, "most_frequent": ranks.MOST_FREQUENT}


@dataclass(frozen=True)
class Reduction:
    """One reduction.

    Attributes:
        kind: Which. `rows` are the last rows themselves, `parameter` of them or all.
        of: The row expression whose values are reduced. None: the rows, whatever is in them.
        where: The rows that count. None: all.
        window: Length in microseconds. None: all history.
        hop: In microseconds. None: exact.
        parameter: As of an aggregate.
    """

    kind: Kind
    of: Node | None
    where: Node | None
    window: int | None
    hop: int | None
    parameter: int | None = None


class Reducer:
    """Makes reductions of the rows of a view at some questions.

    Args:
        view: The view.
        rows: Its rows.
        probes: The questions.
    """

    def __init__(self, view: FeatureView, rows: PreparedRows, probes: Probes) -> None:
        self._rows, self._probes = rows, probes
        self._movements = Movements(rows, probes)
        self._places = {node: place for place, node in enumerate(view.inputs)}
        self._states: dict[tuple[Node | None, Node | None], np.ndarray] = {}
        self._integers: dict[Node | None, np.ndarray] = {}
        self._codes: dict[Node | None, tuple[np.ndarray, int]] = {}

    def reduce(self, wanted: Sequence[Reduction]) -> dict[Reduction, Arrays]:
        """The result of each, in the order of the questions (`Probes`), as its kernel gives it."""
        asked = list(dict.fromkeys(wanted))
        summed = {r: s for r in asked for s in asked if r.kind == "count" and self._counts(s, r)}
        found = self._reduced([r for r in asked if r not in summed])
        nothing = np.zeros(len(self._probes), np.int64)
        return found | {r: (found[s][0], nothing) for r, s in summed.items()}

    def _counts(self, total: Reduction, count: Reduction) -> bool:
        """Whether a sum counts the same rows."""
        if total.kind not in {"integers", "floats"} or total.of is None or count.of is not None:
            return False
        same = (total.where, total.window, total.hop) == (count.where, count.window, count.hop)
        return same and self._rows.inputs[self._places[total.of]].all_there

    def _reduced(self, wanted: Sequence[Reduction]) -> dict[Reduction, Arrays]:
        plain = [r for r in wanted if r.kind in _ENDS and r.of is None and r.where is None]
        if not self._movements.are_spans:
            plain = []
        ready = {reduction: self._ends(reduction) for reduction in plain}
        windows: dict[tuple[int | None, int | None], list[Reduction]] = {}
        for reduction in wanted:
            if reduction not in ready:
                windows.setdefault((reduction.window, reduction.hop), []).append(reduction)
        if not windows:
            return ready
        found: dict[Reduction, list[Arrays]] = {r: [] for r in wanted if r not in ready}
        for part in self._movements.parts():
            for window, reductions in windows.items():
                moves = self._movements.moves(part, *window)
                for reduction in reductions:
                    found[reduction].append(self._reduce(reduction, moves))
        return ready | {reduction: _joined(reduction, parts) for reduction, parts in found.items()}

    def _ends(self, reduction: Reduction) -> Arrays:
        """What is known from the ends of a span of rows."""
        low, high = self._movements.spans(reduction.window, reduction.hop)
        if reduction.kind == "count":
            return high - low, np.zeros(len(low), np.int64)
        return (np.where(high > low, low if reduction.kind == "first" else high - 1, -1),)

    def _reduce(self, reduction: Reduction, moves: Moves) -> Arrays:
        state = self.state(reduction.of, reduction.where)
        path = (moves.rows, moves.bounds, moves.fresh)
        kind = reduction.kind
        if kind == "count":
            return sums.count(*path, state)
        if kind == "floats":
            return sums.sum_floats(*path, state, self._column(reduction.of))
        if kind == "rows":
            limit = -1 if reduction.parameter is None else reduction.parameter
            return lists.last_rows(limit, *path, state)
        if kind == "distinct":
            return (ranks.count_distinct(*path, state, *self._coded(reduction.of)),)
        values = self._rows.event_time if kind in {"first", "last"} else self.integers(reduction.of)
        if kind == "integers":
            return sums.sum_integers(*path, state, values)
        if kind == "squares":
            return sums.sum_squares(*path, state, values)
        if kind in _RANKS:
            share = reduction.parameter or 0
            return (ranks.ranked(_RANKS[kind], share, *path, moves.entity, self._rows.starts, state, values),)
        found = extremes.extreme(_EXTREMES[kind], *path, moves.fifo, moves.entity, self._rows.starts, state, values)
        return (found,)

    def state(self, of: Node | None, where: Node | None) -> np.ndarray:
        """uint8[rows]: 0 where a row does not count or has no value, 1 where it has one, 2 where that is not finite."""
        return _kept(self._states, (of, where), lambda: self._state(of, where))

    def integers(self, of: Node | None) -> np.ndarray:
        """int64[rows]: the values of a row expression as integers that compare alike; event times without one."""
        return _kept(self._integers, of, lambda: self._integers_of(of))

    def _column(self, of: Node | None) -> np.ndarray:
        return self._rows.event_time if of is None else self._rows.inputs[self._places[of]].values

    def _integers_of(self, of: Node | None) -> np.ndarray:
        values = self._column(of)
        return by_order(values.view(np.int64)) if values.dtype == np.float64 else values

    def _coded(self, of: Node | None) -> tuple[np.ndarray, int]:
        return _kept(
            self._codes, of, lambda: ranks.local_codes(self._rows.starts, self.state(of, None), self.integers(of))
        )

    def _state(self, of: Node | None, where: Node | None) -> np.ndarray:
        column = None if of is None else self._rows.inputs[self._places[of]]
        if column is None or column.all_there:
            state = _kept(self._states, (None, None), lambda: np.ones(len(self._rows), np.uint8))
        else:
            state = column.validity
        if where is None:
            return state
        condition = self._rows.inputs[self._places[where]]
        return state * ((condition.validity == VALUE) & (condition.values != 0)).view(np.uint8)

    def has_strange(self, of: Node | None) -> bool:
        """Whether any value of a row expression is NaN or infinite."""
        column = None if of is None else self._rows.inputs[self._places[of]]
        if column is None or column.type != FLOAT64 or column.all_there:
            return False
        return bool((column.validity > VALUE).any())


def by_order(bits: np.ndarray) -> np.ndarray:
    """The bits of doubles as integers that compare alike, and back."""
    return bits ^ ((bits >> 63) & np.int64(0x7FFF_FFFF_FFFF_FFFF))


def _kept(known: dict, key: object, make: Callable[[], object]):  # noqa: ANN202 - whatever `make` gives
    if key not in known:
        known[key] = make()
    return known[key]


def _joined(reduction: Reduction, parts: list[Arrays]) -> Arrays:
    if len(parts) == 1:
        return parts[0]
    if reduction.kind != "rows":
        return tuple(np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    begins = [np.zeros(1, np.int64)]
    for _, bounds in parts:
        begins.append(bounds[1:] + begins[-1][-1])
    return np.concatenate([rows for rows, _ in parts]), np.concatenate(begins)
