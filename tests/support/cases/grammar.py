"""Expressions of a wanted type, drawn from every operator that gives it; the same grammar for rows and for features.

A `Pick` draws one of several: Hypothesis's, or a seeded generator's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from tests.support.judge.values import scale_of
from tests.support.stored import Node, literal, operator

T = TypeVar("T")
DAY = 86_400_000_000
START = 1_301_097_600_000_000
"""2011-03-26, the day before the clocks change in London."""
NUMBERS = ("int64", "decimal", "float64")
ORDERED = (*NUMBERS, "string", "timestamp", "date")
PLAIN = ("int64", "decimal", "float64", "string", "boolean", "timestamp", "date")
TEXTS = ("", "a", "B", "z", "é", "\U0001f600", "\uffff", "3", "23", " 7", "-12", "1e3", "ΑΣ", "straße")
LITERALS: dict[str, tuple[Node, ...]] = {
    "int64": tuple(literal(n, "int64") for n in (-1, 0, 1, 2, 7)),
    "decimal": (literal(15, "decimal(1)"), literal(-250, "decimal(2)"), literal(1, "decimal(3)")),
    "float64": tuple(literal(x, "float64") for x in (0.0, -0.0, 0.5, 3.0, 1e300, 5e-324)),
    "string": tuple(literal(text, "string") for text in TEXTS),
    "boolean": (literal(True, "boolean"), literal(False, "boolean")),
    "timestamp": tuple(literal(START + n, "timestamp") for n in (0, DAY, DAY + 1, -41 * 365 * DAY)),
    "date": tuple(literal(n, "date") for n in (15_058, 15_059, 15_060, 0, -1)),
}
LARGE = tuple(literal(n, "int64") for n in (2**53 + 1, 2**63 - 1, -(2**63)))
BOUNDARIES: dict[str, tuple[tuple[Node, ...], ...]] = {
    "number": (
        (literal(0, "int64"),),
        (literal(-1, "int64"), literal(5, "decimal(1)"), literal(2, "int64")),
        (literal(-0.5, "float64"), literal(1, "int64"), literal(2.5, "float64")),
    ),
    "string": (
        tuple(literal(text, "string") for text in ("", "B", "a", "é")),
        (literal("\uffff", "string"), literal("\U0001f600", "string")),
    ),
    "timestamp": (LITERALS["timestamp"][:3],),
    "date": (LITERALS["date"][:3],),
}
TO_INT = ("float64", "decimal", "boolean", "string", "int64")
TO_STRING = ("int64", "decimal", "boolean", "date", "timestamp", "string")
MAX_SCALE, FEW_DIGITS = 18, 6


class Pick(Protocol):
    """Draws one of several."""

    def __call__(self, options: Sequence[T], /) -> T: ...


class Grammar:
    """Draws expressions.

    Args:
        pick: Who chooses.
        leaf: An expression of a type (one of `PLAIN`) that is not an operator on others.
        kind_of: The exact type of an expression.
        large: Whether integers may be so large that exact results do not fit.
    """

    def __init__(
        self, pick: Pick, leaf: Callable[[str], Node], kind_of: Callable[[Node], str], *, large: bool = False
    ) -> None:
        self._pick, self._leaf, self._kind_of, self._large = pick, leaf, kind_of, large

    def expression(self, kind: str, depth: int) -> Node:
        """An expression of a type with at most `depth` operators on top of each other."""
        if depth == 0 or not self._pick((True, True, False)):
            return self._constant(kind) if self._pick((False,) * 5 + (True,)) else self._leaf(kind)
        return getattr(self, f"_{kind}")(depth - 1)

    def _any(self, kinds: Sequence[str], depth: int) -> Node:
        return self.expression(self._pick(kinds), depth)

    def _constant(self, kind: str) -> Node:
        return self._pick(LITERALS[kind] + (LARGE if kind == "int64" and self._large else ()))

    def _shared(self, kind: str, depth: int) -> Node:
        """What any type can be chosen by."""
        if self._pick((True, False)):
            return operator("coalesce", *(self.expression(kind, depth) for _ in range(self._pick((1, 2, 2, 3)))))
        return operator(
            "if_else",
            self.expression("boolean", depth),
            self.expression(kind, depth),
            self.expression(kind, depth),
        )

    def _int64(self, depth: int) -> Node:
        return self._pick(
            (
                lambda: operator(self._pick(("add", "sub", "mul")), *self._two("int64", depth)),
                lambda: operator(self._pick(("neg", "abs")), self.expression("int64", depth)),
                lambda: operator(self._pick(("floor", "ceil")), self._any(("int64", "decimal", "decimal"), depth)),
                lambda: operator("to_int", self._any(TO_INT, depth)),
                lambda: operator("length", self.expression("string", depth)),
                lambda: operator(
                    self._pick(("year", "month", "day", "weekday")), self._any(("timestamp", "date"), depth)
                ),
                lambda: operator(self._pick(("hour", "minute")), self.expression("timestamp", depth)),
                lambda: self._bucket(depth),
                lambda: self._shared("int64", depth),
            )
        )()

    def _bucket(self, depth: int) -> Node:
        kind = self._pick(ORDERED)
        boundaries = self._pick(BOUNDARIES["number" if kind in NUMBERS else kind])
        return operator("bucket", self.expression(kind, depth), *boundaries)

    def _decimal(self, depth: int) -> Node:
        other = ("int64", "decimal")
        drawn = self._pick(
            (
                lambda: operator(
                    self._pick(("add", "sub", "mul")), self.expression("decimal", depth), self._any(other, depth)
                ),
                lambda: operator("sub", self._any(other, depth), self.expression("decimal", depth)),
                lambda: operator(self._pick(("neg", "abs")), self.expression("decimal", depth)),
                lambda: operator("coalesce", self._any(other, depth), self.expression("decimal", depth)),
                lambda: self._shared("decimal", depth),
            )
        )()
        most = MAX_SCALE if self._large else FEW_DIGITS
        return drawn if scale_of(self._kind_of(drawn)) <= most else self._leaf("decimal")

    def _float64(self, depth: int) -> Node:
        return self._pick(
            (
                lambda: operator(
                    self._pick(("add", "sub", "mul")), self.expression("float64", depth), self._any(NUMBERS, depth)
                ),
                lambda: operator("sub", self._any(NUMBERS, depth), self.expression("float64", depth)),
                lambda: operator("div", self._any(NUMBERS, depth), self._any(NUMBERS, depth)),
                lambda: operator(self._pick(("neg", "abs", "floor", "ceil")), self.expression("float64", depth)),
                lambda: operator("to_float", self._any((*TO_INT, "string"), depth)),
                lambda: operator("seconds_between", *self._two(self._pick(("timestamp", "date")), depth)),
                lambda: operator("coalesce", self._any(NUMBERS, depth), self.expression("float64", depth)),
                lambda: self._shared("float64", depth),
            )
        )()

    def _string(self, depth: int) -> Node:
        return self._pick(
            (
                lambda: operator("to_string", self._any(TO_STRING, depth)),
                lambda: operator(self._pick(("lower", "upper", "strip")), self.expression("string", depth)),
                lambda: operator("concat", *(self.expression("string", depth) for _ in range(self._pick((1, 2, 3))))),
                lambda: operator(
                    "substring",
                    self.expression("string", depth),
                    *(literal(self._pick((0, 1, 2, 100)), "int64") for _ in range(2)),
                ),
                lambda: self._shared("string", depth),
            )
        )()

    def _boolean(self, depth: int) -> Node:
        return self._pick(
            (
                lambda: self._comparison(depth),
                lambda: operator(self._pick(("eq", "ne")), *self._two("boolean", depth)),
                lambda: operator(self._pick(("and", "or")), *self._two("boolean", depth)),
                lambda: operator("not", self.expression("boolean", depth)),
                lambda: operator("is_null", self._any(PLAIN, depth)),
                lambda: self._isin(depth),
                lambda: operator(
                    self._pick(("contains", "starts_with", "ends_with")),
                    self.expression("string", depth),
                    self._pick(LITERALS["string"]),
                ),
                lambda: self._shared("boolean", depth),
            )
        )()

    def _comparison(self, depth: int) -> Node:
        kind = self._pick(ORDERED)
        other = self._pick(NUMBERS) if kind in NUMBERS else kind
        name = self._pick(("eq", "ne", "lt", "le", "gt", "ge"))
        return operator(name, self.expression(kind, depth), self.expression(other, depth))

    def _isin(self, depth: int) -> Node:
        kind = self._pick(PLAIN)
        kinds = NUMBERS if kind in NUMBERS else (kind,)
        constants = [self._constant(self._pick(kinds)) for _ in range(self._pick((1, 2, 3)))]
        return operator("isin", self.expression(kind, depth), *constants)

    def _timestamp(self, depth: int) -> Node:
        return self._shared("timestamp", depth) if self._pick((True, False, False)) else self._leaf("timestamp")

    def _date(self, depth: int) -> Node:
        return self._shared("date", depth) if self._pick((True, False, False)) else self._leaf("date")

    def _two(self, kind: str, depth: int) -> tuple[Node, Node]:
        return self.expression(kind, depth), self.expression(kind, depth)
