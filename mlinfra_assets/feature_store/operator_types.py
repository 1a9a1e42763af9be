"""Which type an operator gives for operands of some types, and whether they go together at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.nodes import OPERATORS, Operator

CONVERSIONS: Mapping[str, tuple[ColumnType, frozenset[str]]] = {
    "to_int": (INT64, frozenset({"int64", "float64", "decimal", "boolean", "string"})),
    "to_float": (FLOAT64, frozenset({"int64", "float64", "decimal", "boolean", "string"})),
    "to_string": (STRING, frozenset({"int64", "decimal", "boolean", "string", "date", "timestamp"})),
}
"""What a cast gives, and the kinds that it takes."""

_MANY = 10_000
_COUNTS: Mapping[str, tuple[int, int]] = {
    **dict.fromkeys(("neg", "abs", "floor", "ceil", "not", "is_null", *CONVERSIONS), (1, 1)),
    **dict.fromkeys(("lower", "upper", "strip", "length"), (1, 1)),
    **dict.fromkeys(("year", "month", "day", "weekday", "hour", "minute"), (1, 1)),
    **dict.fromkeys(("if_else", "substring"), (3, 3)),
    **dict.fromkeys(("coalesce", "concat", "isin"), (1, _MANY)),
    "bucket": (2, _MANY),
}
_STRINGS = {"lower": STRING, "upper": STRING, "strip": STRING, "concat": STRING, "length": INT64}
_SEARCHES = frozenset({"contains", "starts_with", "ends_with"})
_ORDERED = frozenset({"lt", "le", "gt", "ge"})
_COMPARISONS = frozenset({"eq", "ne", "isin"}) | _ORDERED


def operator_type(operator: Operator, types: Sequence[ColumnType]) -> ColumnType:
    """The type that an operator gives for operands of these types.

    Raises:
        DefinitionError: The operands do not go with the operator, or not with each other.
    """
    _check_count(operator, types)
    if operator == "is_null":
        return BOOLEAN
    if any(t.kind == "list" for t in types):
        raise DefinitionError(f"{operator} of {_listed(types)}: a list is a feature as it is; only is_null() takes one")
    if operator in {"and", "or", "not"}:
        return _all(operator, types, all(t == BOOLEAN for t in types), "conditions", BOOLEAN)
    if operator in _COMPARISONS:
        return _comparison(operator, types)
    if operator in {"coalesce", "default"}:
        return _meeting(operator, types)
    if operator == "if_else":
        _all(operator, types, types[0] == BOOLEAN, "a condition and two values", BOOLEAN)
        return common_type(operator, types[1], types[2])
    if operator == "bucket":
        ordered = types[0].numeric or types[0] in (STRING, DATE, TIMESTAMP)
        _all(operator, types, ordered, "a number, a string, a date or a time", INT64)
        _meeting(operator, types)
        return INT64
    if operator in CONVERSIONS:
        return _conversion(operator, types[0])
    if operator in _STRINGS:
        return _all(operator, types, all(t == STRING for t in types), "strings", _STRINGS[operator])
    if operator in _SEARCHES:
        return _all(operator, types, types[0] == types[1] == STRING, "two strings", BOOLEAN)
    if operator == "substring":
        fits = types[0] == STRING and types[1] == types[2] == INT64
        return _all(operator, types, fits, "a string, where it starts and how long it is", STRING)
    if operator in {"year", "month", "day", "weekday"}:
        return _all(operator, types, types[0] in (DATE, TIMESTAMP), "a date or a time", INT64)
    if operator in {"hour", "minute"}:
        return _all(operator, types, types[0] == TIMESTAMP, "a time", INT64)
    if operator == "seconds_between":
        fits = types[0] == types[1] and types[0] in (DATE, TIMESTAMP)
        return _all(operator, types, fits, "two times or two dates", FLOAT64)
    return _calculation(operator, types)


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


def _check_count(operator: Operator, types: Sequence[ColumnType]) -> None:
    if operator not in OPERATORS:
        raise DefinitionError(f"{operator!r} is not an operator; there are {', '.join(OPERATORS)}")
    least, most = _COUNTS.get(operator, (2, 2))
    if not least <= len(types) <= most:
        count = f"{least} values" if least == most else f"{least} to {most} values"
        raise DefinitionError(f"{operator} takes {count}, and is given {len(types)}")


def _calculation(operator: Operator, types: Sequence[ColumnType]) -> ColumnType:
    _all(operator, types, all(t.numeric for t in types), "numbers", FLOAT64)
    if operator in {"neg", "abs"}:
        return types[0]
    if operator in {"floor", "ceil"}:
        return INT64 if types[0].exact else FLOAT64
    if operator == "div":
        return FLOAT64
    if operator == "mul" and all(t.exact for t in types):
        return _decimal(operator, types[0].scale + types[1].scale, types)
    return common_type(operator, types[0], types[1])


def _comparison(operator: Operator, types: Sequence[ColumnType]) -> ColumnType:
    for other in types[1:]:
        common_type(operator, types[0], other)
    if operator in _ORDERED and types[0] == BOOLEAN:
        raise DefinitionError(f"{operator}: true and false have no order")
    return BOOLEAN


def _meeting(operator: Operator, types: Sequence[ColumnType]) -> ColumnType:
    result = types[0]
    for other in types[1:]:
        result = common_type(operator, result, other)
    return result


def _conversion(operator: Operator, given: ColumnType) -> ColumnType:
    result, kinds = CONVERSIONS[operator]
    if given.kind not in kinds:
        hint = ": cast it to int64 first, a float has no text of its own" if given == FLOAT64 else ""
        raise DefinitionError(f"a {given} cannot be cast to {result}{hint}")
    return result


def _decimal(operator: Operator, scale: int, types: Sequence[ColumnType]) -> ColumnType:
    if scale > MAX_SCALE:
        raise DefinitionError(f"{operator} of {_listed(types)} has more than {MAX_SCALE} digits behind")
    return ColumnType("decimal", scale) if any(t.kind == "decimal" for t in types) else INT64


def _all(operator: str, types: Sequence[ColumnType], fits: bool, kind: str, result: ColumnType) -> ColumnType:
    if not fits:
        raise DefinitionError(f"{operator} of {_listed(types)}: it takes {kind}")
    return result


def _listed(types: Sequence[ColumnType]) -> str:
    return " and ".join(map(str, types))
