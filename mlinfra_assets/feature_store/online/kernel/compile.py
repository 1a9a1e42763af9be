"""From a question's trees to a program."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from struct import pack, unpack

import numpy as np

from mlinfra_assets.feature_store.column_type import BOOLEAN, DATE, FLOAT64, INT64, STRING, TIMESTAMP, ColumnType
from mlinfra_assets.feature_store.duration import UNITS
from mlinfra_assets.feature_store.engine.rows import input_types
from mlinfra_assets.feature_store.inference import common_type, operator_type, value_type
from mlinfra_assets.feature_store.nodes import Aggregate, Call, Literal, Moment, Node
from mlinfra_assets.feature_store.online.kernel import form
from mlinfra_assets.feature_store.online.kernel import reductions as kinds
from mlinfra_assets.feature_store.online.kernel.opcodes import Op
from mlinfra_assets.feature_store.online.kernel.program import Program
from mlinfra_assets.feature_store.view import Feature, FeatureView

_EXTREMES = {"min": kinds.SMALLEST, "max": kinds.LARGEST, "first": kinds.FIRST, "last": kinds.LAST}
_ORDERS = {kinds.SMALLEST, kinds.LARGEST, kinds.DISTINCT}
_PARTS = {"year": Op.YEAR, "month": Op.MONTH, "day": Op.DAY, "weekday": Op.WEEKDAY}
_HOURS = {"hour": (UNITS["h"], 24), "minute": (UNITS["m"], 60)}
_ARITHMETIC = {
    "add": (Op.ADD, Op.ADD_FLOAT),
    "sub": (Op.SUBTRACT, Op.SUBTRACT_FLOAT),
    "mul": (Op.MULTIPLY, Op.MULTIPLY_FLOAT),
}
_UNARY = {"neg": (Op.NEGATE, Op.NEGATE_FLOAT), "abs": (Op.ABSOLUTE, Op.ABSOLUTE_FLOAT)}
_WHOLE = {"floor": (Op.FLOOR, Op.FLOOR_FLOAT), "ceil": (Op.CEILING, Op.CEILING_FLOAT)}


class NotCompiledError(Exception):
    """A feature that only the engine evaluates."""


def compile_question(view: FeatureView, whole: FeatureView) -> Program | None:
    """The program of a question; None if only the engine answers it.

    Args:
        view: The view, cut down to the features that are asked for.
        whole: The view that the bases are of.
    """
    try:
        return _Compiler(view, whole).program()
    except NotCompiledError:
        return None


def compiles(view: FeatureView, feature: Feature) -> bool:
    """Whether a feature has a program."""
    try:
        _Compiler(view, view).feature(feature.node)
    except NotCompiledError:
        return False
    return True


class _Compiler:
    def __init__(self, view: FeatureView, whole: FeatureView) -> None:
        self._view, self._whole = view, whole
        self._types = input_types(whole)
        self._inputs = {node: j for j, node in enumerate(whole.inputs)}
        self._columns: dict[int, int] = {}
        self._windows: dict[tuple[int, int], int] = {}
        self._masks: dict[int, int] = {-1: 0}
        self._reductions: dict[tuple[int, int, int, int, int], int] = {}
        self._code: list[tuple[int, int, int, int, int, int]] = []
        self._slots: dict[Node, int] = {}
        self._count = 0
        self._orders_texts = False

    def program(self) -> Program:
        """The tables."""
        outputs = [self.feature(feature.node) for feature in self._view.features]
        all_forms = form.forms(self._types)
        places = np.full(len(self._types), -1, np.int64)
        for column, place in self._columns.items():
            places[column] = place
        masks = [-1 if where < 0 else self._columns[where] for where in self._masks]
        return Program(
            seed=form.seed(self._types, replaced=bool(self._whole.dataset.primary_key)),
            tail_seed=form.tail_seed(self._types),
            orders_texts=self._orders_texts,
            ttl=-1 if self._view.ttl is None else self._view.ttl,
            forms=all_forms,
            places=places,
            kinds=_table([all_forms[column] for column in self._columns]),
            windows=_table(list(self._windows), 2),
            masks=_table(masks),
            reductions=_table(list(self._reductions), 5),
            code=_table(self._code, 6),
            slots=max(self._count, 1),
            outputs=_table(outputs, 2),
            types=tuple(self._view.schema.values()),
        )

    def feature(self, node: Node) -> tuple[int, int]:
        """Evaluate a feature: its slot, and whether it is a double."""
        kind = self._type(node)
        slot = self._slot(node)
        if kind.kind == "decimal":
            return self._to(slot, kind, FLOAT64), 1
        return slot, int(kind == FLOAT64)

    def _type(self, node: Node) -> ColumnType:
        return value_type(node, self._view.scope)

    def _slot(self, node: Node) -> int:
        if node not in self._slots:
            self._slots[node] = self._fresh(node)
        return self._slots[node]

    def _emit(self, op: Op, a: int = 0, b: int = 0, c: int = 0, imm: int = 0) -> int:
        self._code.append((int(op), a, b, c, self._count, imm))
        self._count += 1
        return self._count - 1

    def _fresh(self, node: Node) -> int:
        if isinstance(node, Aggregate):
            return self._aggregate(node)
        if isinstance(node, Literal):
            return self._literal(node)
        if isinstance(node, Moment):
            return self._emit(Op.MOMENT)
        if isinstance(node, Call):
            return self._call(node)
        raise NotCompiledError

    def _literal(self, node: Literal) -> int:
        if isinstance(node.value, str):
            raise NotCompiledError
        if node.type != FLOAT64:
            return self._emit(Op.CONSTANT, imm=int(node.value))
        if not math.isfinite(node.value):
            raise NotCompiledError
        return self._emit(Op.CONSTANT_FLOAT, imm=_bits(float(node.value)))

    def _aggregate(self, a: Aggregate) -> int:
        kind = INT64 if a.of is None else self._types[self._inputs[a.of]]
        power = 10**kind.scale
        floats = kind == FLOAT64
        if a.function == "count":
            return self._emit(Op.COUNTED, self._reduction(kinds.COUNT, a, a.of))
        if a.function == "count_distinct":
            return self._emit(Op.DIFFERENT, self._reduction(kinds.DISTINCT, a, a.of))
        if a.function == "sum" and kind == INT64:
            return self._emit(Op.SUM, self._reduction(kinds.INTEGERS, a, a.of))
        if a.function in {"sum", "mean"} and floats:
            op = Op.SUM_FLOAT if a.function == "sum" else Op.MEAN_FLOAT
            return self._emit(op, self._reduction(kinds.FLOATS, a, a.of))
        if a.function in {"sum", "mean"}:
            op = Op.SUM_DECIMAL if a.function == "sum" else Op.MEAN
            return self._emit(op, self._reduction(kinds.INTEGERS, a, a.of), imm=power)
        if a.function in {"variance", "std"}:
            found = self._variance(a, kind)
            return self._emit(Op.ROOT, found) if a.function == "std" else found
        if a.function == "since_last":
            return self._emit(Op.AGE, self._reduction(kinds.LAST, a, None))
        if a.function == "mean_interval":
            ends = [self._reduction(which, a, None) for which in (kinds.COUNT, kinds.FIRST, kinds.LAST)]
            return self._emit(Op.INTERVAL, *ends)
        if a.of is None or a.function not in {*_EXTREMES, "latest"}:
            raise NotCompiledError
        row = self._reduction(kinds.LAST, a, None) if a.function == "latest" else None
        if row is None:
            row = self._reduction(_EXTREMES[a.function], a, a.of)
        op = {"float64": Op.CHOSEN_FLOAT, "decimal": Op.CHOSEN_DECIMAL, "boolean": Op.CHOSEN_CONDITION}
        op |= {"string": Op.CHOSEN_TEXT}
        return self._emit(op.get(kind.kind, Op.CHOSEN), row, self._column(a.of), imm=power)

    def _variance(self, a: Aggregate, kind: ColumnType) -> int:
        if kind == FLOAT64:
            total = self._reduction(kinds.FLOATS, a, a.of)
            return self._emit(Op.VARIANCE_FLOAT, self._reduction(kinds.DEVIATIONS, a, a.of, total))
        total, squares = self._reduction(kinds.INTEGERS, a, a.of), self._reduction(kinds.SQUARES, a, a.of)
        return self._emit(Op.VARIANCE, total, squares, imm=_bits(100.0**kind.scale))

    def _column(self, node: Node) -> int:
        return self._columns.setdefault(self._inputs[node], len(self._columns))

    def _reduction(self, kind: int, a: Aggregate, of: Node | None, other: int = -1) -> int:
        column = -1 if of is None else self._column(of)
        if kind in _ORDERS and of is not None and self._types[self._inputs[of]] == STRING:
            self._orders_texts = True
        where = -1
        if a.where is not None:
            self._column(a.where)
            where = self._inputs[a.where]
        mask = self._masks.setdefault(where, len(self._masks))
        span = (-1 if a.window is None else a.window, 1 if a.hop is None else a.hop)
        window = self._windows.setdefault(span, len(self._windows))
        return self._reductions.setdefault((kind, column, mask, window, other), len(self._reductions))

    def _to(self, slot: int, given: ColumnType, wanted: ColumnType) -> int:
        """A value in a type that it goes together with, as `Vector.to`."""
        if given == wanted or not (given.numeric or given == BOOLEAN):
            return slot
        if wanted == FLOAT64:
            return self._emit(Op.TO_DOUBLE, slot, imm=10**given.scale)
        if wanted.scale == given.scale:
            return slot
        return self._emit(Op.RESCALE, slot, imm=10 ** (wanted.scale - given.scale))

    def _call(self, node: Call) -> int:
        types = [self._type(arg) for arg in node.args]
        if node.operator == "is_null":
            return self._emit(Op.IS_NULL, self._slot(node.args[0]))
        if any(kind == STRING or kind.kind == "list" for kind in types):
            raise NotCompiledError
        kind = operator_type(node.operator, types)
        slots = [self._slot(arg) for arg in node.args]
        given = list(zip(slots, types, strict=True))
        operator = node.operator
        if operator in _COMPARISONS:
            return _COMPARISONS[operator](self, given)
        if operator == "and":
            nots = [self._emit(Op.NOT, slot) for slot in slots]
            return self._emit(Op.NOT, self._emit(Op.OR, *nots))
        if operator == "or":
            return self._emit(Op.OR, *slots)
        if operator == "not":
            return self._emit(Op.NOT, slots[0])
        if operator == "isin":
            found = self._emit(Op.ZERO_LIKE, slots[0])
            for constant in given[1:]:
                found = self._emit(Op.OR, found, self._equal([given[0], constant]))
            return found
        if operator == "bucket":
            found = self._emit(Op.ZERO_LIKE, slots[0])
            for boundary in given[1:]:
                found = self._emit(Op.COUNT_TRUE, found, self._at_most([boundary, given[0]]))
            return found
        if operator == "coalesce":
            same = [self._to(slot, each, kind) for slot, each in given]
            found = same[0]
            for other in same[1:]:
                found = self._emit(Op.FIRST_THERE, found, other)
            return found
        if operator == "if_else":
            yes, no = (self._to(slot, each, kind) for slot, each in given[1:])
            return self._emit(Op.IF_ELSE, slots[0], yes, no)
        return self._calculate(operator, given, kind)

    def _calculate(self, operator: str, given: Sequence[tuple[int, ColumnType]], kind: ColumnType) -> int:
        slots, types = [slot for slot, _ in given], [each for _, each in given]
        floats = types[0] == FLOAT64
        if operator in _ARITHMETIC:
            if kind == FLOAT64:
                return self._emit(_ARITHMETIC[operator][1], *(self._to(slot, each, kind) for slot, each in given))
            same = slots if operator == "mul" else [self._to(slot, each, kind) for slot, each in given]
            return self._emit(_ARITHMETIC[operator][0], *same)
        if operator == "div":
            if types[0].exact and types[1].exact:
                shift = types[1].scale - types[0].scale
                return self._emit(Op.DIVIDE, *slots, c=10 ** max(-shift, 0), imm=10 ** max(shift, 0))
            return self._emit(Op.DIVIDE_FLOAT, *(self._to(slot, each, FLOAT64) for slot, each in given))
        if operator in _UNARY:
            return self._emit(_UNARY[operator][floats], slots[0])
        if operator in _WHOLE:
            return self._emit(_WHOLE[operator][floats], slots[0], imm=10 ** types[0].scale)
        if operator == "to_float":
            return self._to(slots[0], types[0], FLOAT64)
        if operator == "to_int":
            return self._emit((Op.TRUNCATE, Op.TRUNCATE_FLOAT)[floats], slots[0], imm=10 ** types[0].scale)
        if operator == "seconds_between":
            return self._emit(Op.DAY_SECONDS if types[0] == DATE else Op.SECONDS, *slots)
        if operator in _PARTS:
            days = self._emit(Op.DAYS, slots[0]) if types[0] == TIMESTAMP else slots[0]
            return self._emit(_PARTS[operator], days)
        if operator in _HOURS:
            unit, count = _HOURS[operator]
            return self._emit(Op.UNIT, slots[0], c=count, imm=unit)
        raise NotCompiledError

    def _compare(self, ops: tuple[Op, Op], given: Sequence[tuple[int, ColumnType]]) -> int:
        kind = common_type("eq", given[0][1], given[1][1])
        return self._emit(ops[kind == FLOAT64], *(self._to(slot, each, kind) for slot, each in given))

    def _equal(self, given: Sequence[tuple[int, ColumnType]]) -> int:
        return self._compare((Op.EQUAL, Op.EQUAL_FLOAT), given)

    def _less(self, given: Sequence[tuple[int, ColumnType]]) -> int:
        return self._compare((Op.LESS, Op.LESS_FLOAT), given)

    def _at_most(self, given: Sequence[tuple[int, ColumnType]]) -> int:
        return self._compare((Op.AT_MOST, Op.AT_MOST_FLOAT), given)

    def _not_equal(self, given: Sequence[tuple[int, ColumnType]]) -> int:
        return self._emit(Op.NOT, self._equal(given))


_COMPARISONS: dict[str, Callable[[_Compiler, Sequence[tuple[int, ColumnType]]], int]] = {
    "eq": _Compiler._equal,  # noqa: SLF001 - its own table
    "ne": _Compiler._not_equal,  # noqa: SLF001
    "lt": _Compiler._less,  # noqa: SLF001
    "le": _Compiler._at_most,  # noqa: SLF001
    "gt": lambda compiler, given: compiler._less(given[::-1]),  # noqa: SLF001
    "ge": lambda compiler, given: compiler._at_most(given[::-1]),  # noqa: SLF001
}


def _bits(value: float) -> int:
    return unpack("<q", pack("<d", value))[0]


def _table(rows: Sequence, width: int = 0) -> np.ndarray:
    return np.array(rows, np.int64).reshape((-1, width) if width else (-1,))
