"""What a feature view's function works with: a dataset whose columns are symbols, and expressions made of them.

Nothing is computed here: every operator adds a node to the tree. What is wrong becomes an `Invalid` node, so that the
error can name the feature that it is in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import isfinite
from typing import Generic, NoReturn, TypeAlias, TypeVar

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.column_type import (
    BOOLEAN,
    DATE,
    FLOAT64,
    INT64,
    MAX_SCALE,
    STRING,
    TIMESTAMP,
    ColumnType,
)
from mlinfra_assets.feature_store.duration import parse_duration
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.nodes import (
    Aggregate,
    Call,
    Column,
    Function,
    Invalid,
    Literal,
    Node,
    Operator,
    Score,
)

Constant: TypeAlias = bool | int | float | Decimal | str | datetime | date
Length: TypeAlias = str | timedelta
E = TypeVar("E", bound="Expression")


class Expression(Generic[E]):
    """A node with Python's operators. `&`, `|` and `~` stand for and, or and not."""

    __slots__ = ("node",)
    __hash__ = None  # pyright: ignore[reportAssignmentType]

    def __init__(self, node: Node) -> None:
        self.node = node

    def _call(self, operator: Operator, *args: object) -> E:
        return type(self)(Call(operator, (self.node, *(as_node(arg) for arg in args))))  # pyright: ignore[reportReturnType]

    def _reversed(self, operator: Operator, left: object) -> E:
        return type(self)(Call(operator, (as_node(left), self.node)))  # pyright: ignore[reportReturnType]

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

    def to_float(self) -> E:
        """This number (or condition: 1 or 0) as a double."""
        return self._call("to_float")


class FeatureExpression(Expression["FeatureExpression"]):
    """One value for an entity at a time: an aggregate, a score, or something calculated from them."""

    __slots__ = ()


class RowExpression(Expression["RowExpression"]):
    """One value for each row: a column or something calculated from columns of the same row."""

    __slots__ = ()

    def _aggregate(
        self, function: Function, window: Length | None, where: object, hop: Length | None
    ) -> FeatureExpression:
        return aggregate(function, self.node, window, where, hop)

    def count(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Number of rows with a value."""
        return self._aggregate("count", window, where, hop)

    def count_distinct(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Number of different values."""
        return self._aggregate("count_distinct", window, where, hop)

    def sum(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Exact sum; of decimals and floats as a double, rounded once."""
        return self._aggregate("sum", window, where, hop)

    def mean(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Mean as a double; of integers and decimals rounded once."""
        return self._aggregate("mean", window, where, hop)

    def min(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Smallest value; of strings by code point."""
        return self._aggregate("min", window, where, hop)

    def max(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Largest value; of strings by code point."""
        return self._aggregate("max", window, where, hop)

    def first(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """First value that is not null, by event time, known-at time and position."""
        return self._aggregate("first", window, where, hop)

    def last(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Last value that is not null, by event time, known-at time and position."""
        return self._aggregate("last", window, where, hop)


class SymbolicDataset:
    """A dataset by its columns: `orders["order_value"]`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getitem__(self, column: str) -> RowExpression:
        return RowExpression(Column(column))

    def __getattr__(self, name: str) -> NoReturn:
        raise DefinitionError(
            f'write {self._name}["{name}"] for a column; a dataset itself has count() and since_last()'
        )

    def count(
        self, window: Length | None = None, *, where: RowExpression | None = None, hop: Length | None = None
    ) -> FeatureExpression:
        """Number of rows."""
        return aggregate("count", None, window, where, hop)

    def since_last(self, where: RowExpression | None = None) -> FeatureExpression:
        """Seconds from the latest row's event time to the time asked about."""
        return aggregate("since_last", None, None, where, None)


class Model:
    """A model of this platform, by name: its score can be a feature."""

    def __init__(self, name: str) -> None:
        self.name = name

    def score(self, inputs: Mapping[str, FeatureExpression]) -> FeatureExpression:
        """The score by the version that was in production, from features in this order; null where none was."""
        return FeatureExpression(Score(self.name, tuple((name, as_node(value)) for name, value in inputs.items())))


def aggregate(
    function: Function, of: Node | None, window: Length | None, where: object, hop: Length | None
) -> FeatureExpression:
    """An aggregate as an expression, its lengths of time in microseconds."""
    try:
        width = None if window is None else parse_duration(window, "window")
        step = None if hop is None else parse_duration(hop, "hop")
    except DefinitionError as error:
        return FeatureExpression(Invalid(str(error)))
    return FeatureExpression(Aggregate(function, of, None if where is None else as_node(where), width, step))


def lit(value: Constant) -> FeatureExpression:
    """A constant as a feature expression."""
    return FeatureExpression(as_node(value))


def as_node(value: object) -> Node:
    """The node of an expression, or of a constant."""
    if isinstance(value, Expression):
        return value.node
    try:
        return _literal(value)
    except DefinitionError as error:
        return Invalid(str(error))


def _literal(value: object) -> Literal:
    if isinstance(value, bool):
        return Literal(value, BOOLEAN)
    if isinstance(value, int) and -(2**63) <= value < 2**63:
        return Literal(value, INT64)
    if isinstance(value, float) and isfinite(value):
        return Literal(value, FLOAT64)
    if isinstance(value, str):
        return Literal(value, STRING)
    if isinstance(value, datetime) and value.tzinfo is not None:
        return Literal(to_micros(value.astimezone(UTC)), TIMESTAMP)
    if isinstance(value, date) and not isinstance(value, datetime):
        return Literal((value - date(1970, 1, 1)).days, DATE)
    if isinstance(value, Decimal) and value.is_finite():
        exponent = value.as_tuple().exponent
        scale = max(0, -exponent) if isinstance(exponent, int) else 0
        unscaled = int(value.scaleb(scale))
        if scale <= MAX_SCALE and abs(unscaled) < 2**63:
            return Literal(unscaled, ColumnType("decimal", scale))
    raise DefinitionError(
        f"{value!r} is no constant: a finite number, a string, a condition, a date or a time with zone"
    )
