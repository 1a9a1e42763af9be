"""The operators of expressions, on whole columns. What each means is said in `nodes`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import numpy as np

from mlinfra_assets.feature_store.column_type import BOOLEAN, FLOAT64, ColumnType
from mlinfra_assets.feature_store.engine import exact
from mlinfra_assets.feature_store.engine.vector import Vector, unify
from mlinfra_assets.feature_store.inference import common_type, operator_type
from mlinfra_assets.feature_store.nodes import Operator

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
    if operator == "isin":
        found = [_compare("eq", args[0], constant) for constant in args[1:]]
        nothing = Vector(BOOLEAN, np.zeros(len(args[0]), np.bool_), args[0].valid)
        return reduce(_or, found, nothing)
    if operator == "and":
        return _not(_or(_not(args[0]), _not(args[1])))
    if operator == "or":
        return _or(args[0], args[1])
    if operator == "not":
        return _not(args[0])
    if operator == "is_null":
        return Vector(BOOLEAN, ~args[0].valid, np.ones(len(args[0]), np.bool_))
    if operator == "coalesce":
        return _coalesce(args, kind)
    if operator == "to_float":
        return args[0].to(FLOAT64)
    if operator == "neg":
        return _negate(args[0])
    if operator == "div":
        return _divide(args[0], args[1])
    return _arithmetic(operator, args[0], args[1], kind)


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
    return Vector(arg.type, exact.subtract(np.zeros(len(arg), np.int64), arg.values), arg.valid)


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
    same = unify(args) if kind.kind == "string" else [arg.to(kind) for arg in args]
    values, valid = same[0].values, same[0].valid
    for other in same[1:]:
        values = np.where(valid, values, other.values)
        valid = valid | other.valid
    return Vector(kind, values, valid, same[0].dictionary)
