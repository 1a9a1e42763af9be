"""The operators of expressions, on whole columns. What each means is said in `nodes`."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import numpy as np

from mlinfra_assets.feature_store.column_type import BOOLEAN, FLOAT64, INT64, STRING, ColumnType
from mlinfra_assets.feature_store.engine import exact
from mlinfra_assets.feature_store.engine.casts import CASTS, ceil, floor
from mlinfra_assets.feature_store.engine.dates import DATES
from mlinfra_assets.feature_store.engine.distinct import used_texts
from mlinfra_assets.feature_store.engine.strings import STRINGS
from mlinfra_assets.feature_store.engine.vector import Vector, unify
from mlinfra_assets.feature_store.nodes import Operator
from mlinfra_assets.feature_store.operator_types import common_type, operator_type

_FLOATS: dict[str, Callable[..., np.ndarray]] = {"add": np.add, "sub": np.subtract, "mul": np.multiply}
_EXACT = {"add": exact.add, "sub": exact.subtract, "mul": exact.multiply}
_COMPARE: dict[str, Callable[..., np.ndarray]] = {
    "eq": np.equal,
    "ne": np.not_equal,
    "lt": np.less,
    "le": np.less_equal,
    "gt": np.greater,
    "ge": np.greater_equal,
}


def apply(operator: Operator, args: Sequence[Vector]) -> Vector:
    """An operator on columns of equal length.

    Raises:
        FeatureOverflowError: An exact result does not fit in 64 bits.
    """
    kind = operator_type(operator, [arg.type for arg in args])
    if operator in _COMPARE:
        return _compare(operator, args[0], args[1])
    if operator in _OTHERS:
        return _OTHERS[operator](args)
    if operator == "coalesce":
        return _coalesce(args, kind)
    if operator == "default":
        return args[0].to(kind)
    if operator == "if_else":
        return _if_else(args[0], args[1], args[2], kind)
    return _arithmetic(operator, args[0], args[1], kind)


def _isin(args: Sequence[Vector]) -> Vector:
    found = [_compare("eq", args[0], constant) for constant in args[1:]]
    nothing = Vector(BOOLEAN, np.zeros(len(args[0]), np.bool_), args[0].valid)
    return reduce(_or, found, nothing)


def _bucket(args: Sequence[Vector]) -> Vector:
    value, boundaries = args[0], args[1:]
    if value.type == STRING:
        return _text_bucket(value, boundaries)
    counts = np.zeros(len(value), np.int64)
    for boundary in boundaries:
        counts += _compare("le", boundary, value).values
    return Vector(INT64, counts, value.valid)


def _text_bucket(value: Vector, boundaries: Sequence[Vector]) -> Vector:
    if not len(value):
        return Vector(INT64, value.values, value.valid)
    texts, places = used_texts(value)
    rising = [boundary.dictionary[boundary.values[0]] for boundary in boundaries]
    numbers = np.array([bisect_right(rising, text) for text in texts] or [0], np.int64)
    return Vector(INT64, numbers[places], value.valid).where(value.valid)


def _is_null(args: Sequence[Vector]) -> Vector:
    return Vector(BOOLEAN, ~args[0].valid, np.ones(len(args[0]), np.bool_))


def _arithmetic(operator: str, left: Vector, right: Vector, kind: ColumnType) -> Vector:
    valid = left.valid & right.valid
    left, right = left.where(valid), right.where(valid)
    if kind == FLOAT64:
        with np.errstate(all="ignore"):
            return Vector(kind, _FLOATS[operator](left.to(kind).values, right.to(kind).values), valid).where(valid)
    if operator != "mul":
        left, right = left.to(kind), right.to(kind)
    with np.errstate(all="ignore"):
        return Vector(kind, _EXACT[operator](left.values, right.values), valid)


def _divide(left: Vector, right: Vector) -> Vector:
    valid = left.valid & right.valid & (right.values != 0)
    left, right = left.where(valid), right.where(valid)
    if left.type.exact and right.type.exact:
        return Vector(FLOAT64, exact.divide(left.values, right.values, right.type.scale - left.type.scale), valid)
    result = np.zeros(len(left), np.float64)
    with np.errstate(all="ignore"):
        np.divide(left.to(FLOAT64).values, right.to(FLOAT64).values, out=result, where=valid)
    return Vector(FLOAT64, result, valid)


def _negate(arg: Vector) -> Vector:
    if arg.type == FLOAT64:
        return Vector(FLOAT64, np.where(arg.valid, -arg.values, 0.0), arg.valid)
    with np.errstate(all="ignore"):
        return Vector(arg.type, exact.subtract(np.zeros(len(arg), np.int64), arg.values), arg.valid)


def _absolute(arg: Vector) -> Vector:
    if arg.type == FLOAT64:
        return Vector(FLOAT64, np.abs(arg.values), arg.valid)
    return Vector(arg.type, np.where(arg.values < 0, _negate(arg.where(arg.values < 0)).values, arg.values), arg.valid)


def _whole(
    arg: Vector, of_floats: Callable[[np.ndarray], np.ndarray], of_decimals: Callable[[Vector], np.ndarray]
) -> Vector:
    if arg.type == FLOAT64:
        return Vector(FLOAT64, of_floats(arg.values), arg.valid)
    return Vector(INT64, of_decimals(arg), arg.valid)


def _compare(operator: str, left: Vector, right: Vector) -> Vector:
    kind = common_type("eq", left.type, right.type)
    valid = left.valid & right.valid
    if kind.kind == "string":
        left, right = unify([left, right])
    else:
        left, right = left.where(valid).to(kind), right.where(valid).to(kind)
    return Vector(BOOLEAN, _COMPARE[operator](left.values, right.values) & valid, valid)


def _or(left: Vector, right: Vector) -> Vector:
    true = left.values | right.values
    return Vector(BOOLEAN, true, true | (left.valid & right.valid))


def _not(arg: Vector) -> Vector:
    return Vector(BOOLEAN, ~arg.values & arg.valid, arg.valid)


def _coalesce(args: Sequence[Vector], kind: ColumnType) -> Vector:
    left, found = [], np.zeros(len(args[0]), np.bool_)
    for arg in args:
        # What is not chosen is not converted either: it may have no room in the other type.
        left.append(arg.where(~found).to(kind))
        found = found | arg.valid
    return _merge(left, kind)


def _if_else(condition: Vector, yes: Vector, no: Vector, kind: ColumnType) -> Vector:
    chosen = condition.valid & condition.values
    return _merge([yes.where(chosen).to(kind), no.where(condition.valid & ~condition.values).to(kind)], kind)


def _merge(args: Sequence[Vector], kind: ColumnType) -> Vector:
    """Vectors of one type of which at most one has a value in each row."""
    same = unify(args) if kind == STRING else args
    values, valid = same[0].values, same[0].valid
    for other in same[1:]:
        values = np.where(other.valid, other.values, values)
        valid = valid | other.valid
    return Vector(kind, values, valid, same[0].dictionary)


_OTHERS: Mapping[str, Callable[[Sequence[Vector]], Vector]] = {
    **STRINGS,
    **DATES,
    **CASTS,
    "isin": _isin,
    "bucket": _bucket,
    "is_null": _is_null,
    "and": lambda args: _not(_or(_not(args[0]), _not(args[1]))),
    "or": lambda args: _or(args[0], args[1]),
    "not": lambda args: _not(args[0]),
    "neg": lambda args: _negate(args[0]),
    "abs": lambda args: _absolute(args[0]),
    "floor": lambda args: _whole(args[0], np.floor, floor),
    "ceil": lambda args: _whole(args[0], np.ceil, ceil),
    "div": lambda args: _divide(args[0], args[1]),
}
