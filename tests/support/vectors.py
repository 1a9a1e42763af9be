"""Columns of values written by hand, and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from mlinfra_assets.feature_store import ColumnType
from mlinfra_assets.feature_store.engine.operators import apply
from mlinfra_assets.feature_store.engine.vector import Vector
from mlinfra_assets.feature_store.nodes import Operator


def vector(kind: str, values: Sequence[Any]) -> Vector:
    """A column of stored values: decimals unscaled, times in microseconds, dates in days; None is null."""
    given = ColumnType.parse(kind)
    valid = np.array([value is not None for value in values], np.bool_)
    if kind == "string":
        texts = tuple(sorted({value for value in values if value is not None} | {"not used"}))
        codes = [0 if value is None else texts.index(value) for value in values]
        return Vector(given, np.array(codes, np.int64), valid, texts)
    dtype = {"float64": np.float64, "boolean": np.bool_}.get(kind, np.int64)
    return Vector(given, np.array([0 if value is None else value for value in values], dtype), valid)


def values(found: Vector) -> list[Any]:
    """The stored values of a column; a null has to hold zero, a dictionary has to be sorted and without repeats."""
    assert not np.any(found.values[~found.valid])
    assert list(found.dictionary) == sorted(set(found.dictionary))
    plain = found.values.tolist()
    if found.type.kind == "string":
        plain = [found.dictionary[code] if found.dictionary else "" for code in plain]
    return [value if valid else None for value, valid in zip(plain, found.valid, strict=True)]


def calculated(operator: Operator, *args: tuple[str, Sequence[Any]]) -> tuple[str, list[Any]]:
    """An operator on columns given as (type, values): the type and the values that come of it."""
    found = apply(operator, [vector(kind, given) for kind, given in args])
    return str(found.type), values(found)
