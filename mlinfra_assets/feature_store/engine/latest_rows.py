"""Views that ask for latest rows alone, answered while rows that come in their order pass by; nothing is kept of them.

A question is answered when the first row that it must not see comes. What is held is one row an entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.feature_store.column_type import FLOAT64, STRING, TIMESTAMP
from mlinfra_assets.feature_store.dataset import COORDINATES
from mlinfra_assets.feature_store.engine import exact
from mlinfra_assets.feature_store.engine.compiled import compiled
from mlinfra_assets.feature_store.engine.entities import EntityIndex
from mlinfra_assets.feature_store.engine.gather import checked, inputs_of
from mlinfra_assets.feature_store.engine.rows import NOT_FINITE, VALUE, InputColumn
from mlinfra_assets.feature_store.engine.vector import Vector
from mlinfra_assets.feature_store.inference import row_type
from mlinfra_assets.feature_store.nodes import Aggregate
from mlinfra_assets.feature_store.view import FeatureView, columns_of

FUNCTIONS = frozenset({"last", "latest", "since_last"})


class LatestRows:
    """The aggregates of a view at some questions, each as known at its time, from rows in the order of their times.

    Args:
        view: The view: of a dataset without a primary key, with aggregates of `FUNCTIONS` over all history.
        entities: The join keys of each question, of the keys' types.
        t: int64[n], microseconds since 1970 UTC.
        order: int64[n], the questions by time. None: it is worked out.
    """

    def __init__(self, view: FeatureView, entities: pl.DataFrame, t: np.ndarray, order: np.ndarray | None) -> None:
        self._view, self._t = view, t
        self._entities = EntityIndex.of(entities.select(view.join_keys))
        self._order = np.argsort(t, kind="stable") if order is None else order
        self._sorted_t = t[self._order]
        self._whose = self._entities.numbers(entities)[self._order].astype(np.int64)
        self._before = np.full(2, np.iinfo(np.int64).min)
        self._places = {node: place for place, node in enumerate(view.inputs)}
        count = self._entities.keys.height
        self._latest = _Carried(None, TIMESTAMP.kind, len(t), count)
        self._carried = {
            a: _Carried(a, "timestamp" if a.of is None else row_type(a.of, view.dataset).kind, len(t), count)
            for a in view.aggregates
        }
        self._answered = 0

    @staticmethod
    def can_answer(view: FeatureView) -> bool:
        """Whether a view asks for nothing but latest rows."""
        plain = all(a.function in FUNCTIONS and a.window is None for a in view.aggregates)
        return plain and not view.dataset.primary_key and not view.uses

    @staticmethod
    def columns(view: FeatureView) -> tuple[str, ...]:
        """The columns that have to be read. Positions are not among them: no two rows happen at one time."""
        used = {*columns_of([f.node for f in view.features]), names.EVENT_TIME, names.KNOWN_AT}
        return tuple(c for c in view.columns if c in used or c not in COORDINATES)

    def take(self, frames: Iterable[pl.DataFrame]) -> bool:
        """Answer the questions from a dataset's rows, with `columns`.

        Returns:
            False if two rows happened at one time, one is not in the order of times, or a value is not finite.

        Raises:
            RetrievalError: A column is missing, of another type than the dataset declares, or a coordinate is null.
            FeatureOverflowError: A row expression does not fit in 64 bits.
        """
        for frame in frames:
            if frame.height and not self._take(checked(self._view, frame, self.columns(self._view))):
                return False
        left = slice(self._answered, len(self._t))
        for carried in (self._latest, *self._carried.values()):
            carried.answer(left, self._whose[left], np.full(left.stop - left.start, -1, np.int64), None)
        return True

    def _take(self, rows: pl.DataFrame) -> bool:
        event_time = rows.get_column(names.EVENT_TIME).to_physical().to_numpy()
        known_at = rows.get_column(names.KNOWN_AT).to_physical().to_numpy()
        if not _in_order(self._before, event_time, known_at):
            return False
        inputs = inputs_of(self._view, rows)
        if any(c.type == FLOAT64 and not c.all_there and (c.validity == NOT_FINITE).any() for c in inputs):
            return False
        numbers = self._entities.numbers(rows)
        enter = np.maximum(event_time, known_at)
        done = int(np.searchsorted(self._sorted_t, enter[-1]))
        part = slice(self._answered, max(done, self._answered))
        chosen: dict[bytes, tuple[np.ndarray, np.ndarray]] = {}
        for carried in (self._latest, *self._carried.values()):
            state = self._state(carried.aggregate, inputs)
            kind = b"" if state is None else state.tobytes()
            if kind not in chosen:
                last = np.full(self._entities.keys.height, -1, np.int64)
                found = _choose(numbers, enter, state, self._whose[part], self._sorted_t[part], last)
                chosen[kind] = (found, last)
            column = self._column(carried.aggregate, inputs, event_time)
            carried.answer(part, self._whose[part], chosen[kind][0], column)
            carried.carry(chosen[kind][1], column)
        self._answered = part.stop
        return True

    def _column(self, a: Aggregate | None, inputs: Sequence[InputColumn], event_time: np.ndarray) -> InputColumn:
        if a is None or a.of is None:
            return InputColumn(TIMESTAMP, event_time, np.ones(len(event_time), np.uint8))
        return inputs[self._places[a.of]]

    def _state(self, a: Aggregate | None, inputs: Sequence[InputColumn]) -> np.ndarray | None:
        """uint8[rows], which rows can be the latest; None for all."""
        if a is None:
            return None
        column = None if a.of is None or a.function == "latest" else inputs[self._places[a.of]]
        state = None if column is None or column.all_there else column.validity
        if a.where is None:
            return state
        condition = inputs[self._places[a.where]]
        admitted = ((condition.validity == VALUE) & (condition.values != 0)).view(np.uint8)
        return admitted if state is None else state * admitted

    def latest(self) -> tuple[np.ndarray, np.ndarray]:
        """Event time (int64[n], microseconds) of the latest row of each question, and whether there is one."""
        return self._as_asked(self._latest.values), self._as_asked(self._latest.valid)

    def evaluate(self, aggregate: Aggregate, served: np.ndarray) -> Vector:
        """The value of an aggregate at each question, in the order they were asked in; null where not `served`."""
        carried = self._carried[aggregate]
        values, valid = self._as_asked(carried.values), self._as_asked(carried.valid) & served
        if aggregate.function == "since_last":
            return Vector(FLOAT64, exact.to_double(np.where(valid, self._t - values, 0), 6), valid)
        assert aggregate.of is not None  # noqa: S101 - `last` and `latest` have one
        kind = row_type(aggregate.of, self._view.dataset)
        if kind == STRING:
            return carried.strings(values, valid)
        found = Vector(kind, values != 0 if kind.kind == "boolean" else values, valid).where(valid)
        return found.to(FLOAT64) if kind.kind == "decimal" else found

    def _as_asked(self, found: np.ndarray) -> np.ndarray:
        asked = np.empty_like(found)
        asked[self._order] = found
        return asked


class _Carried:
    """One aggregate: the value of each entity's latest row, and the answers to questions, by time."""

    def __init__(self, aggregate: Aggregate | None, kind: str, questions: int, entities: int) -> None:
        dtype = np.float64 if kind == "float64" else np.int64
        self.aggregate = aggregate
        self.values, self.valid = np.zeros(questions, dtype), np.zeros(questions, np.bool_)
        self._value, self._there = np.zeros(entities, dtype), np.zeros(entities, np.bool_)
        self._texts: list[str] = []

    def answer(self, part: slice, whose: np.ndarray, chosen: np.ndarray, column: InputColumn | None) -> None:
        """Answer some questions: from the chosen rows of the frame at hand, or from before it."""
        held = (self._value, self._there, self.values[part], self.valid[part])
        _answer(whose, chosen, *self._columns(column), *held)

    def carry(self, last: np.ndarray, column: InputColumn) -> None:
        """Keep what the last rows of the frame say (int64[entities], -1 for none)."""
        _carry(last, *self._columns(column), self._value, self._there)
        if column.type == STRING:
            self._texts += column.dictionary

    def _columns(self, column: InputColumn | None) -> tuple[np.ndarray, np.ndarray, int]:
        """Values and validity of a column, and the number of its first string: behind those of the frames before."""
        if column is None:
            return self._value[:0], np.zeros(0, np.uint8), 0
        return column.values, column.validity, len(self._texts) if column.type == STRING else 0

    def strings(self, values: np.ndarray, valid: np.ndarray) -> Vector:
        """The strings that some numbers mean."""
        words = sorted({self._texts[code] for code in np.unique(values[valid]).tolist()})
        place = {word: code for code, word in enumerate(words)}
        codes = np.array([place.get(text, 0) for text in self._texts] or [0], np.int64)
        return Vector(STRING, np.where(valid, codes[np.where(valid, values, 0)], 0), valid, tuple(words))


@compiled
def _in_order(before: np.ndarray, event_time: np.ndarray, known_at: np.ndarray) -> bool:
    """Whether each row happened after the one before it, and counts from no earlier time on.

    The last row takes the place of the one before (int64[2]: event time, and from when it counts).
    """
    event, entered = before[0], before[1]
    for i in range(len(event_time)):
        enter = max(event_time[i], known_at[i])
        if event_time[i] <= event or enter < entered:
            return False
        event, entered = event_time[i], enter
    before[:] = (event, entered)
    return True


@compiled
def _choose(
    numbers: np.ndarray,
    enter: np.ndarray,
    state: np.ndarray | None,
    whose: np.ndarray,
    t: np.ndarray,
    last: np.ndarray,
) -> np.ndarray:
    """For each question, ordered by time, the last of these rows that it sees (int64[n]); -1 if it sees none."""
    chosen = np.full(len(t), -1, np.int64)
    p = 0
    for i in range(len(numbers)):
        while p < len(t) and t[p] < enter[i]:
            if whose[p] >= 0:
                chosen[p] = last[whose[p]]
            p += 1
        if numbers[i] >= 0 and (state is None or state[i] == 1):
            last[numbers[i]] = i
    while p < len(t):
        if whose[p] >= 0:
            chosen[p] = last[whose[p]]
        p += 1
    return chosen


@compiled
def _answer(
    whose: np.ndarray,
    chosen: np.ndarray,
    column: np.ndarray,
    validity: np.ndarray,
    offset: int,
    value: np.ndarray,
    there: np.ndarray,
    values: np.ndarray,
    valid: np.ndarray,
) -> None:
    for p in range(len(whose)):
        if chosen[p] >= 0:
            values[p] = column[chosen[p]] + offset
            valid[p] = validity[chosen[p]] == VALUE
        elif whose[p] >= 0:
            values[p] = value[whose[p]]
            valid[p] = there[whose[p]]


@compiled
def _carry(
    last: np.ndarray, column: np.ndarray, validity: np.ndarray, offset: int, value: np.ndarray, there: np.ndarray
) -> None:
    for e in range(len(last)):
        if last[e] >= 0:
            value[e] = column[last[e]] + offset
            there[e] = validity[last[e]] == VALUE
