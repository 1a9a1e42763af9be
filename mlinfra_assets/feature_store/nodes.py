"""The expression tree of a feature: plain, frozen data with structural equality.

A feature is a tree over aggregates; an aggregate holds a tree over the columns of one row. What the operators mean:

- Integers and decimals are exact. `add`, `sub` and `neg` work at the larger scale, `mul` adds the scales up; a result
  that does not fit in 64 bits is an error. With a float on one side both sides are doubles first.
- `div` is a double: of two exact numbers the correctly rounded quotient, otherwise the quotient of the doubles.
  Division by zero is null.
- An exact number becomes a double as the correctly rounded value.
- Numbers of different types compare at the larger scale, or as doubles if one is a float. Strings compare by code
  point.
- Null in, null out; but `and`/`or` decide where one side suffices, `is_null` is never null, `coalesce` takes the first
  that is not null. A row for which `where` is null is left out.
- `default` is the whole of a feature: its first argument for an entity that the view serves, the constant for one that
  it does not serve (never seen, or past the TTL).
- Above the aggregates a float that is not finite is null.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal as OneOf
from typing import TypeAlias, get_args

from mlinfra_assets.feature_store.column_type import ColumnType

Operator = OneOf[
    "add", "sub", "mul", "div", "neg", "abs", "floor", "ceil", "eq", "ne", "lt", "le", "gt", "ge",
    "and", "or", "not", "is_null", "coalesce", "if_else", "isin", "bucket", "default",
    "to_float", "to_int", "to_string",
    "lower", "upper", "strip", "length", "contains", "starts_with", "ends_with", "concat", "substring",
    "year", "month", "day", "weekday", "hour", "minute", "seconds_between",
]  # fmt: skip
OPERATORS: tuple[Operator, ...] = get_args(Operator)
Function = OneOf[
    "count", "count_distinct", "sum", "mean", "variance", "std", "min", "max", "quantile", "most_frequent",
    "first", "last", "last_n", "latest", "since_last", "mean_interval",
]  # fmt: skip
FUNCTIONS: tuple[Function, ...] = get_args(Function)


@dataclass(frozen=True)
class Column:
    """A column of the dataset."""

    name: str


@dataclass(frozen=True)
class Literal:
    """A constant, as it is stored: a decimal unscaled, a timestamp in microseconds, a date in days since 1970."""

    value: int | float | str | bool
    type: ColumnType

    def __eq__(self, other: object) -> bool:
        # True == 1 == 1.0 in Python; here they are three constants.
        return isinstance(other, Literal) and (self.type, repr(self.value)) == (other.type, repr(other.value))

    def __hash__(self) -> int:
        return hash((self.type, repr(self.value)))


@dataclass(frozen=True)
class Call:
    """An operator applied to its arguments. `isin` has the value first and then the constants."""

    operator: Operator
    args: tuple[Node, ...]


@dataclass(frozen=True)
class Aggregate:
    """Many rows to one value.

    Attributes:
        function: What the rows are reduced by; docs/semantics.md says what each means.
        of: The row expression that is aggregated. None for `count` (of rows), `since_last` and `mean_interval`.
        where: The rows that count. None: all.
        window: Length in microseconds. None: all history.
        hop: The window's far edge is rounded down to a multiple of this many microseconds. None: exact.
        parameter: How many values `last_n` keeps; the share of `quantile` in millionths. None for every other function.
    """

    function: Function
    of: Node | None = None
    where: Node | None = None
    window: int | None = None
    hop: int | None = None
    parameter: int | None = None


@dataclass(frozen=True)
class Key:
    """A join key of the view: whom the question is about."""

    name: str


@dataclass(frozen=True)
class Moment:
    """The time that is asked about, `t`."""


@dataclass(frozen=True)
class Request:
    """A value that comes with the question: a column of the entity table, a field of the request."""

    name: str
    type: ColumnType


@dataclass(frozen=True)
class Lookup:
    """A feature of another view, at the same `t` and `k`.

    Attributes:
        view: The other view's name; it is one of the view's `uses`.
        feature: Its feature.
        keys: A value for each of its join keys, in order: whose feature it is. A null key finds nothing.
    """

    view: str
    feature: str
    keys: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Python:
    """A function of plain Python in the pure subset that `pure_python` allows, applied value by value.

    Attributes:
        name: The function's name.
        source: Its whole text, dedented: the definition that is evaluated, now and later.
        args: What it is applied to. A null comes as None.
        type: What it returns; None is null.
    """

    name: str
    source: str
    args: tuple[Node, ...]
    type: ColumnType


@dataclass(frozen=True)
class Score:
    """A model's score of features of the same view, by the version in production at the known-at time."""

    model: str
    inputs: tuple[tuple[str, Node], ...]


@dataclass(frozen=True)
class Invalid:
    """What could not be said: found while a view is declared, reported with the feature's name; never in a view."""

    message: str


Node: TypeAlias = Column | Literal | Call | Aggregate | Key | Moment | Request | Lookup | Python | Score | Invalid


def children(node: Node) -> tuple[Node, ...]:
    """The nodes directly below one, left to right."""
    if isinstance(node, Call):
        return node.args
    if isinstance(node, Aggregate):
        return tuple(n for n in (node.of, node.where) if n is not None)
    if isinstance(node, Python):
        return node.args
    if isinstance(node, Lookup):
        return tuple(n for _, n in node.keys)
    if isinstance(node, Score):
        return tuple(n for _, n in node.inputs)
    return ()


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, each before what is below it."""
    yield node
    for child in children(node):
        yield from walk(child)
