"""A function of plain Python, run as it stands."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from tests.support.judge.values import Exact, to_float


def call(node: dict, args: list, kinds: list[str]) -> Any:
    """The function of a Python node, applied to values."""
    result = function_of(node["source"], node["python"])(*map(given, args, kinds))
    if result is None or (isinstance(result, float) and not math.isfinite(result)):
        return None
    expected = {"int64": int, "float64": float, "string": str, "boolean": bool}[node["type"]]
    assert type(result) is expected, f"{node['python']} returned {result!r}, not a {expected.__name__}"
    return Exact(result) if type(result) is int else result


@cache
def function_of(source: str, name: str) -> Any:
    names: dict[str, Any] = {"math": math}
    exec(source, names)  # noqa: S102 (the tests' own functions)
    return names[name]


def given(value: Any, kind: str) -> Any:
    """An argument: decimals as doubles, times as integers."""
    if isinstance(value, Exact):
        return to_float(value) if kind.startswith("decimal") else value.unscaled
    return value
