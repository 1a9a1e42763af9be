"""Which type an expression has, and whether it makes sense at all."""

from __future__ import annotations

from collections.abc import Sequence

from mlinfra_assets.feature_store.column_type import BOOLEAN, FLOAT64, INT64, MAX_SCALE, ColumnType
from mlinfra_assets.feature_store.dataset import DatasetSchema
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.nodes import (
    FUNCTIONS,
    OPERATORS,
    Aggregate,
    Call,
    Column,
    Invalid,
    Literal,
    Node,
    Operator,
    Score,
)


def row_type(node: Node, dataset: DatasetSchema) -> ColumnType:
    """The type of an expression over one row.

    Raises:
        DefinitionError: An unknown column, operands that do not go together, or an aggregate inside a row expression.
    """
    if isinstance(node, Column):
        return dataset.type_of(node.name)
    if isinstance(node, Literal):
        return node.type
    if isinstance(node, Call):
        return operator_type(node.operator, [row_type(arg, dataset) for arg in node.args])
    if isinstance(node, Invalid):
        raise DefinitionError(node.message)
    raise DefinitionError("an aggregate or a score stands inside an expression over single rows: combine it outside")


def feature_type(node: Node, dataset: DatasetSchema) -> ColumnType:
    """The type of an expression over aggregates, which is the type of the feature.

    Raises:
        DefinitionError: As `row_type`, or a bare column that no aggregate reduces to one value.
    """
    if isinstance(node, Aggregate):
        return aggregate_type(node, dataset)
    if isinstance(node, Literal):
        return FLOAT64 if node.type.kind == "decimal" else node.type
    if isinstance(node, Call):
        return operator_type(node.operator, [feature_type(arg, dataset) for arg in node.args])
    if isinstance(node, Score):
        for name, arg in node.inputs:
            given = feature_type(arg, dataset)
            if not (given.numeric or given == BOOLEAN):
                raise DefinitionError(f"model {node.model}: its input {name!r} is a {given}, and has to be a number")
        return FLOAT64
    if isinstance(node, Invalid):
        raise DefinitionError(node.message)
    raise DefinitionError(
        f"column {node.name!r} has a value in every row: aggregate it, as with .last(), .sum() or .count_distinct()"
    )


def aggregate_type(node: Aggregate, dataset: DatasetSchema) -> ColumnType:
    """The type of an aggregate: decimals leave it as doubles.

    Raises:
        DefinitionError: The function does not fit the type, or `where` is not a condition.
    """
    if node.function not in FUNCTIONS:
        raise DefinitionError(f"{node.function!r} is not an aggregation; there are {', '.join(FUNCTIONS)}")
    if node.where is not None and row_type(node.where, dataset) != BOOLEAN:
        raise DefinitionError(f"where= of {node.function}() is a {row_type(node.where, dataset)}, not a condition")
    if node.hop is not None and node.window is None:
        raise DefinitionError(f"hop= of {node.function}() has no meaning without a window")
    if node.function == "since_last":
        return FLOAT64
    if node.of is None:
        if node.function != "count":
            raise DefinitionError(f"{node.function}() needs an expression to work on")
        return INT64
    of = row_type(node.of, dataset)
    if node.function in {"count", "count_distinct"}:
        return INT64
    if node.function in {"sum", "mean"} and not of.numeric:
        raise DefinitionError(f"{node.function}() of a {of}: only numbers have one")
    if node.function == "mean" or of.kind == "decimal":
        return FLOAT64
    return of


def operator_type(operator: Operator, types: Sequence[ColumnType]) -> ColumnType:
    """The type that an operator gives for operands of these types.

    Raises:
        DefinitionError: The operands do not go with the operator, or not with each other.
    """
    if operator not in OPERATORS:
        raise DefinitionError(f"{operator!r} is not an operator; there are {', '.join(OPERATORS)}")
    if operator == "is_null":
        return BOOLEAN
    if operator in {"and", "or", "not"}:
        return _all(operator, types, all(t == BOOLEAN for t in types), "conditions", BOOLEAN)
    if operator in {"eq", "ne", "lt", "le", "gt", "ge", "isin"}:
        for other in types[1:]:
            common_type(operator, types[0], other)
        if operator in {"lt", "le", "gt", "ge"} and types[0] == BOOLEAN:
            raise DefinitionError(f"{operator}: true and false have no order")
        return BOOLEAN
    if operator == "coalesce":
        result = types[0]
        for other in types[1:]:
            result = common_type(operator, result, other)
        return result
    if operator == "to_float":
        return _all(operator, types, all(t.numeric or t == BOOLEAN for t in types), "numbers or conditions", FLOAT64)
    _all(operator, types, all(t.numeric for t in types), "numbers", FLOAT64)
    if operator == "neg":
        return types[0]
    if operator == "div":
        return FLOAT64
    if operator == "mul" and all(t.exact for t in types):
        return _decimal(operator, types[0].scale + types[1].scale, types)
    return common_type(operator, types[0], types[1])


def common_type(operator: Operator, left: ColumnType, right: ColumnType) -> ColumnType:
    """The type in which two values meet.

    Raises:
        DefinitionError: There is none.
    """
    if left == right:
        return left
    if left.exact and right.exact:
        return _decimal(operator, max(left.scale, right.scale), (left, right))
    if left.numeric and right.numeric:
        return FLOAT64
    raise DefinitionError(f"{operator} of a {left} and a {right}: they do not go together")


def _decimal(operator: Operator, scale: int, types: Sequence[ColumnType]) -> ColumnType:
    if scale > MAX_SCALE:
        raise DefinitionError(f"{operator} of {' and '.join(map(str, types))} has more than {MAX_SCALE} digits behind")
    return ColumnType("decimal", scale) if any(t.kind == "decimal" for t in types) else INT64


def _all(operator: str, types: Sequence[ColumnType], fits: bool, kind: str, result: ColumnType) -> ColumnType:
    if not fits:
        raise DefinitionError(f"{operator} of {' and '.join(map(str, types))}: it takes {kind}")
    return result
