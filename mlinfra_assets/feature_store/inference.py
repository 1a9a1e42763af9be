"""Which type an expression has, and whether it makes sense at all."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from mlinfra_assets.feature_store.column_type import BOOLEAN, FLOAT64, INT64, TIMESTAMP, ColumnType
from mlinfra_assets.feature_store.dataset import DatasetSchema, nearest
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.nodes import (
    FUNCTIONS,
    Aggregate,
    Call,
    Column,
    Invalid,
    Key,
    Literal,
    Lookup,
    Moment,
    Node,
    Python,
    Request,
    Score,
)
from mlinfra_assets.feature_store.operator_types import common_type, operator_type
from mlinfra_assets.feature_store.python_source import RETURNED, parse_source
from mlinfra_assets.feature_store.scope import Scope

__all__ = ["aggregate_type", "common_type", "feature_type", "operator_type", "row_type"]

REQUESTED = frozenset({"int64", "float64", "string", "boolean", "timestamp", "date"})
MILLION = 1_000_000
MOST_VALUES = 1_000
"""How many values `last_n` may keep."""

_OF_ROWS = frozenset({"count", "since_last", "mean_interval"})
_NUMBERS = frozenset({"sum", "mean", "variance", "std"})


def row_type(node: Node, dataset: DatasetSchema) -> ColumnType:
    """The type of an expression over one row.

    Raises:
        DefinitionError: An unknown column, operands that do not go together, or something that no single row has.
    """
    if isinstance(node, Column):
        return dataset.type_of(node.name)
    if isinstance(node, Literal):
        return node.type
    if isinstance(node, Call):
        return _call_type(node, [row_type(arg, dataset) for arg in node.args])
    if isinstance(node, Invalid):
        raise DefinitionError(node.message)
    raise DefinitionError(f"{_what(node)} stands inside an expression over single rows: combine it outside")


def feature_type(node: Node, scope: Scope) -> ColumnType:
    """The type of an expression over aggregates, which is the type of the feature: a decimal leaves it as a double.

    Raises:
        DefinitionError: As `row_type`, or a bare column that no aggregate reduces to one value.
    """
    return _as_feature(value_type(node, scope))


def value_type(node: Node, scope: Scope) -> ColumnType:
    """As `feature_type`, for an expression inside of another: decimal constants, and what is made of them, are exact.

    Raises:
        DefinitionError: As `feature_type`.
    """
    if isinstance(node, Aggregate):
        return aggregate_type(node, scope.dataset)
    if isinstance(node, Literal):
        return node.type
    if isinstance(node, Call):
        return _call_type(node, [value_type(arg, scope) for arg in node.args])
    if isinstance(node, Key):
        if node.name not in scope.keys:
            raise DefinitionError(f"the view has no join key {node.name!r}{nearest(node.name, scope.keys)}")
        return scope.keys[node.name]
    if isinstance(node, Moment):
        return TIMESTAMP
    if isinstance(node, Request):
        return _request_type(node)
    if isinstance(node, Lookup):
        return _lookup_type(node, scope)
    if isinstance(node, Python):
        return _python_type(node, [value_type(arg, scope) for arg in node.args])
    if isinstance(node, Score):
        return _score_type(node, scope)
    if isinstance(node, Invalid):
        raise DefinitionError(node.message)
    raise DefinitionError(
        f"column {node.name!r} has a value in every row: aggregate it, as with .last(), .sum() or .count_distinct()"
    )


def aggregate_type(node: Aggregate, dataset: DatasetSchema) -> ColumnType:
    """The type of an aggregate: decimals leave it as doubles.

    Raises:
        DefinitionError: The function does not fit the type, `where` is not a condition, or a length of time or the
            function's parameter is out of bounds.
    """
    if node.function not in FUNCTIONS:
        raise DefinitionError(f"{node.function!r} is not an aggregation; there are {', '.join(FUNCTIONS)}")
    if node.where is not None and row_type(node.where, dataset) != BOOLEAN:
        raise DefinitionError(f"where= of {node.function}() is a {row_type(node.where, dataset)}, not a condition")
    _check_lengths(node)
    _check_parameter(node)
    if node.of is None:
        if node.function not in _OF_ROWS:
            raise DefinitionError(f"{node.function}() needs an expression to work on")
        return INT64 if node.function == "count" else FLOAT64
    if node.function in _OF_ROWS - {"count"}:
        raise DefinitionError(f"{node.function}() is about rows: ask it of the dataset, not of an expression")
    of = row_type(node.of, dataset)
    if node.function in {"count", "count_distinct"}:
        return INT64
    if node.function in _NUMBERS and not of.numeric:
        raise DefinitionError(f"{node.function}() of a {of}: only numbers have one")
    if node.function == "quantile" and not (of.numeric or of.kind in {"timestamp", "date"}):
        raise DefinitionError(f"quantile() of a {of}: only numbers, times and dates have one")
    if node.function in _NUMBERS - {"sum"}:
        return FLOAT64
    value = _as_feature(of)
    return ColumnType("list", element=value.kind) if node.function == "last_n" else value


def _as_feature(kind: ColumnType) -> ColumnType:
    return FLOAT64 if kind.kind == "decimal" else kind


def _check_lengths(node: Aggregate) -> None:
    for name, length in (("window", node.window), ("hop", node.hop)):
        if length is not None and (not isinstance(length, int) or length < 1):
            raise DefinitionError(f"{name}= of {node.function}() is {length}: at least a microsecond, a whole number")
    if node.hop is not None and node.window is None:
        raise DefinitionError(f"hop= of {node.function}() has no meaning without a window")


def _check_parameter(node: Aggregate) -> None:
    given = node.parameter
    if node.function == "quantile":
        if not isinstance(given, int) or not 0 <= given <= MILLION:
            raise DefinitionError(f"quantile() takes a share from 0 to 1, in millionths, not {given}")
    elif node.function == "last_n":
        if not isinstance(given, int) or not 1 <= given <= MOST_VALUES:
            raise DefinitionError(f"last_n() keeps 1 to {MOST_VALUES:,} values, not {given}")
    elif given is not None:
        raise DefinitionError(f"{node.function}() takes no parameter, and is given {given}")


def _call_type(node: Call, types: Sequence[ColumnType]) -> ColumnType:
    result = operator_type(node.operator, types)
    if node.operator == "bucket":
        _check_boundaries(node.args[1:])
    if node.operator in {"contains", "starts_with", "ends_with"} and not isinstance(node.args[1], Literal):
        raise DefinitionError(f"{node.operator} looks for a constant: compare expressions with == instead")
    if node.operator == "substring":
        for name, arg in zip(("start", "length"), node.args[1:], strict=True):
            if not isinstance(arg, Literal) or not isinstance(arg.value, int) or arg.value < 0:
                raise DefinitionError(f"substring: {name} is a constant whole number from 0 on")
    return result


def _check_boundaries(boundaries: Sequence[Node]) -> None:
    values = [_comparable(b) for b in boundaries if isinstance(b, Literal)]
    if len(values) != len(boundaries):
        raise DefinitionError("bucket: its boundaries are constants")
    for left, right in pairwise(values):
        if not left < right:  # pyright: ignore[reportOperatorIssue]
            raise DefinitionError(f"bucket: its boundaries have to rise, and {_shown(right)} follows {_shown(left)}")


def _comparable(literal: Literal) -> Fraction | str:
    if isinstance(literal.value, str):
        return literal.value
    return Fraction(literal.value) / 10**literal.type.scale


def _shown(value: Fraction | str) -> str:
    return repr(value) if isinstance(value, str) else f"{float(value):g}"


def _request_type(node: Request) -> ColumnType:
    if node.type.kind not in REQUESTED:
        raise DefinitionError(
            f"request {node.name!r} is a {node.type}: a value in a request is one of {', '.join(sorted(REQUESTED))}"
        )
    return node.type


def _lookup_type(node: Lookup, scope: Scope) -> ColumnType:
    if node.view not in scope.used:
        raise DefinitionError(
            f"it looks up {node.view}:{node.feature}, and there is no feature view {node.view!r} before this one"
            f"{nearest(node.view, scope.used)}"
        )
    other = scope.used[node.view]
    if node.feature not in other.features:
        raise DefinitionError(
            f"view {node.view} has no feature {node.feature!r}{nearest(node.feature, other.features)}"
        )
    where = f"{node.view}:{node.feature}"
    given = [name for name, _ in node.keys]
    for name in given:
        if name not in other.keys:
            raise DefinitionError(f"{where} is given the key {name!r}, which is none of its{nearest(name, other.keys)}")
    if given != list(other.keys):
        raise DefinitionError(
            f"{where} is looked up by {', '.join(other.keys)}, in this order, and is given {', '.join(given)}"
        )
    for name, value in node.keys:
        _check_lookup_key(where, name, value, other.keys[name], scope)
    return other.features[node.feature]


def _check_lookup_key(where: str, name: str, value: Node, wanted: ColumnType, scope: Scope) -> None:
    if value == Key(name) and name not in scope.keys:
        raise DefinitionError(
            f"{where} needs the key {name!r}, which the view does not have: say whose it is with .at({name}=...)"
        )
    found = value_type(value, scope)
    if found != wanted:
        raise DefinitionError(f"{where}: its key {name!r} is a {wanted}, and .at({name}=...) gives a {found}")


def _python_type(node: Python, types: Sequence[ColumnType]) -> ColumnType:
    function = parse_source(node.source)
    if function.name != node.name:
        raise DefinitionError(f"python function {node.name}: its source defines {function.name}")
    if node.type.kind not in RETURNED:
        raise DefinitionError(f"{node.name}() returns a {node.type}: it can return {', '.join(sorted(RETURNED))}")
    if len(types) != len(function.parameters):
        raise DefinitionError(
            f"{node.name}({', '.join(function.parameters)}) takes {len(function.parameters)} values, not {len(types)}"
        )
    for name, kind in zip(function.parameters, types, strict=True):
        if kind.kind == "list":
            raise DefinitionError(f"{node.name}(): its argument {name!r} is a {kind}: a list is a feature as it is")
    return node.type


def _score_type(node: Score, scope: Scope) -> ColumnType:
    for name, arg in node.inputs:
        given = value_type(arg, scope)
        if not (given.numeric or given == BOOLEAN):
            raise DefinitionError(f"model {node.model}: its input {name!r} is a {given}, and has to be a number")
    return FLOAT64


def _what(node: Node) -> str:
    if isinstance(node, Key):
        return f"the view's key {node.name!r}"
    if isinstance(node, Moment):
        return "now()"
    if isinstance(node, Request):
        return f"the request's value {node.name!r}"
    if isinstance(node, Lookup):
        return f"the feature {node.view}:{node.feature}"
    if isinstance(node, Python):
        return f"{node.name}()"
    return "an aggregate or a score"
