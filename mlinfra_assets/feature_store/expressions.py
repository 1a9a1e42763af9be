"""Expressions: nodes with Python's operators and with methods for everything else.

Nothing is computed here: every operator adds a node to the tree. What is wrong becomes an `Invalid` node, so that the
error can name the feature that it is in.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, NoReturn, TypeVar

from mlinfra_assets.feature_store.constants import Constant, literal_of
from mlinfra_assets.feature_store.dataset import nearest
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.nodes import Call, Invalid, Node, Operator

E = TypeVar("E", bound="Expression")
CASTS: dict[str, Operator] = {"int64": "to_int", "float64": "to_float", "string": "to_string"}


class Expression(Generic[E]):
    """A node with Python's operators. `&`, `|` and `~` stand for and, or and not."""

    __slots__ = ("node",)
    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __init__(self, node: Node) -> None:
        self.node = node

    def _made(self, node: Node) -> E:
        """An expression of the same kind."""
        return type(self)(node)  # pyright: ignore[reportReturnType]

    def _call(self, operator: Operator, *args: object) -> E:
        return self._made(Call(operator, (self.node, *(as_node(arg) for arg in args))))

    def _reversed(self, operator: Operator, left: object) -> E:
        return self._made(Call(operator, (as_node(left), self.node)))

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            # What Python itself asks for has to be answered as Python answers it.
            raise AttributeError(name)
        known = [method for method in dir(self) if not method.startswith("_") and method != "node"]
        raise DefinitionError(f"{_kind(self)} has no .{name}(){nearest(name, known)}")

    def __add__(self, other: object) -> E:
        return self._call("add", other)

    def __radd__(self, other: object) -> E:
        return self._reversed("add", other)

    def __sub__(self, other: object) -> E:
        return self._call("sub", other)

    def __rsub__(self, other: object) -> E:
        return self._reversed("sub", other)

    def __mul__(self, other: object) -> E:
        return self._call("mul", other)

    def __rmul__(self, other: object) -> E:
        return self._reversed("mul", other)

    def __truediv__(self, other: object) -> E:
        return self._call("div", other)

    def __rtruediv__(self, other: object) -> E:
        return self._reversed("div", other)

    def __neg__(self) -> E:
        return self._call("neg")

    def __abs__(self) -> E:
        return self._call("abs")

    def __eq__(self, other: object) -> E:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._call("eq", other)

    def __ne__(self, other: object) -> E:  # pyright: ignore[reportIncompatibleMethodOverride]
        return self._call("ne", other)

    def __lt__(self, other: object) -> E:
        return self._call("lt", other)

    def __le__(self, other: object) -> E:
        return self._call("le", other)

    def __gt__(self, other: object) -> E:
        return self._call("gt", other)

    def __ge__(self, other: object) -> E:
        return self._call("ge", other)

    def __and__(self, other: object) -> E:
        return self._call("and", other)

    def __or__(self, other: object) -> E:
        return self._call("or", other)

    def __invert__(self) -> E:
        return self._call("not")

    def __bool__(self) -> NoReturn:
        raise DefinitionError(
            "an expression is neither true nor false: join conditions with &, | and ~, in parentheses"
        )

    def is_null(self) -> E:
        """True where there is no value."""
        return self._call("is_null")

    def coalesce(self, *others: object) -> E:
        """The first of this and the others that is not null."""
        return self._call("coalesce", *others)

    def fill_null(self, value: object) -> E:
        """This, and where it is null, `value`."""
        return self.coalesce(value)

    def isin(self, values: Iterable[Constant]) -> E:
        """Whether this is one of the constants."""
        return self._call("isin", *values)

    def if_else(self, then: object, otherwise: object) -> E:
        """`then` where this condition is true, `otherwise` where it is false; null where it is null."""
        return self._call("if_else", then, otherwise)

    def bucket(self, boundaries: Iterable[Constant]) -> E:
        """How many of the rising constants are at most this: 0 below the first."""
        return self._call("bucket", *boundaries)

    def cast(self, kind: str) -> E:
        """This as `"int64"`, `"float64"` or `"string"`; null where it is none."""
        if kind not in CASTS:
            return self._made(Invalid(f"cast({kind!r}): it casts to {', '.join(CASTS)}"))
        return self._call(CASTS[kind])

    def to_float(self) -> E:
        """This number, condition (1 or 0) or text as a double."""
        return self._call("to_float")

    def abs(self) -> E:
        """This number without its sign."""
        return self._call("abs")

    def floor(self) -> E:
        """The largest whole number that is at most this."""
        return self._call("floor")

    def ceil(self) -> E:
        """The smallest whole number that is at least this."""
        return self._call("ceil")

    def lower(self) -> E:
        """This string in lower case."""
        return self._call("lower")

    def upper(self) -> E:
        """This string in upper case."""
        return self._call("upper")

    def strip(self) -> E:
        """This string without white space at both ends."""
        return self._call("strip")

    def length(self) -> E:
        """Number of code points of this string."""
        return self._call("length")

    def contains(self, text: str) -> E:
        """Whether a constant is part of this string."""
        return self._call("contains", text)

    def starts_with(self, text: str) -> E:
        """Whether this string begins with a constant."""
        return self._call("starts_with", text)

    def ends_with(self, text: str) -> E:
        """Whether this string ends with a constant."""
        return self._call("ends_with", text)

    def concat(self, *others: object) -> E:
        """This string and the others, one after the other; null if one is."""
        return self._call("concat", *others)

    def substring(self, start: int, length: int) -> E:
        """Up to `length` code points of this string from the one with number `start` (from 0) on."""
        return self._call("substring", start, length)

    def year(self) -> E:
        """Year of this time (UTC) or date."""
        return self._call("year")

    def month(self) -> E:
        """Month of this time (UTC) or date, 1 to 12."""
        return self._call("month")

    def day(self) -> E:
        """Day of the month of this time (UTC) or date, 1 to 31."""
        return self._call("day")

    def weekday(self) -> E:
        """Day of the week of this time (UTC) or date: Monday is 1, Sunday 7."""
        return self._call("weekday")

    def hour(self) -> E:
        """Hour of this time (UTC), 0 to 23."""
        return self._call("hour")

    def minute(self) -> E:
        """Minute of this time, 0 to 59."""
        return self._call("minute")

    def seconds_between(self, other: object) -> E:
        """Seconds from the other time to this one, or from one date to another: negative if this is earlier."""
        return self._call("seconds_between", other)


class FeatureExpression(Expression["FeatureExpression"]):
    """One value for an entity at a time: an aggregate, a score, or something calculated from them."""

    __slots__ = ()

    def _made(self, node: Node) -> FeatureExpression:
        return FeatureExpression(node)

    def default(self, value: Constant) -> FeatureExpression:
        """This, and a constant for an entity that the view does not serve: never seen, or past its TTL.

        It comes last in a feature. A null of an entity that is served stays null: that is `fill_null`.
        """
        return self._call("default", value)


def lit(value: Constant) -> FeatureExpression:
    """A constant as a feature expression."""
    return FeatureExpression(as_node(value))


def as_node(value: object) -> Node:
    """The node of an expression, or of a constant."""
    if isinstance(value, Expression):
        return value.node
    try:
        return literal_of(value)
    except DefinitionError as error:
        return Invalid(str(error))


def _kind(value: object) -> str:
    return "a feature" if isinstance(value, FeatureExpression) else "a column"
