"""What a function of plain Python calls instead of the operators and functions themselves: the same, within bounds.

Where Python's own result depends on its version or on a library, it is either fixed here or refused.
"""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping
from typing import Any

from mlinfra_assets.feature_store.python_source import BUILTINS, MATH, METHODS, MOST_ROUNDS

MOST_BITS = 1_024
MOST_CHARACTERS = 100_000
MOST_ITEMS = 10_000
MOST_DIGITS = 30

_SCALARS = (int, float, str, type(None))
_NUMBERS = (int, float)

OPERATORS: Mapping[type[ast.operator], str] = {
    ast.Add: "_add",
    ast.Sub: "_sub",
    ast.Mult: "_mul",
    ast.Div: "_div",
    ast.FloorDiv: "_floordiv",
    ast.Mod: "_mod",
    ast.Pow: "_pow",
}
"""The guard of each operator."""


def bounded(value: Any) -> Any:  # noqa: ANN401 - of the function's own
    """The value, unless it is too large.

    Raises:
        OverflowError: It is.
    """
    if isinstance(value, int):
        if value.bit_length() > MOST_BITS:
            raise OverflowError(f"an integer of more than {MOST_BITS:,} bits")
    elif isinstance(value, str):
        if len(value) > MOST_CHARACTERS:
            raise OverflowError(f"a string of more than {MOST_CHARACTERS:,} characters")
    elif isinstance(value, list | tuple) and len(value) > MOST_ITEMS:
        raise OverflowError(f"a list of more than {MOST_ITEMS:,} values")
    return value


def _calculator(name: str, calculate: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def guarded(left: Any, right: Any) -> Any:  # noqa: ANN401
        if not (isinstance(left, _NUMBERS) and isinstance(right, _NUMBERS)):
            raise TypeError(f"{_kind(left)} {name} {_kind(right)}: it takes numbers")
        return bounded(calculate(left, right))

    return guarded


def _add(left: Any, right: Any) -> Any:  # noqa: ANN401
    return bounded(left + right)


def _pow(base: Any, exponent: int) -> int:  # noqa: ANN401
    if not isinstance(base, int):
        raise TypeError("** of a float is not fixed to the last bit: write x * x")
    return bounded(base**exponent)


def _changed(before: Any, after: Any) -> Any:  # noqa: ANN401
    if isinstance(before, list):
        raise TypeError("a list is not changed in place: write x = x + [...]")
    return after


def _items(values: list[Any] | tuple[Any, ...]) -> list[Any] | tuple[Any, ...]:
    if not all(isinstance(value, _SCALARS) for value in values):
        raise TypeError("a list holds plain values, no lists")
    return values


def _rounds(values: Any) -> Any:  # noqa: ANN401
    if not isinstance(values, str | list | tuple | range):
        raise TypeError(f"for goes through a range, a list or a string, not {_kind(values)}")
    if len(values) > MOST_ROUNDS:
        raise OverflowError(f"for goes through {len(values):,} values, and {MOST_ROUNDS:,} are allowed")
    return values


def _method(name: str, text: Any, *args: Any) -> Any:  # noqa: ANN401
    if not isinstance(text, str) or name not in METHODS:
        raise TypeError(f".{name}() is a method of a string, not of {_kind(text)}")
    if name == "replace" and len(args) == 2 and isinstance(args[1], str):
        bounded(" " * min(MOST_CHARACTERS + 1, text.count(args[0]) * len(args[1])))
    if name == "join" and isinstance(args[0], list | tuple):
        bounded(args[0])
        bounded(" " * min(MOST_CHARACTERS + 1, len(text) * len(args[0]) + sum(len(item) for item in args[0])))
    return bounded(getattr(text, name)(*args))


def _int(value: Any) -> int:  # noqa: ANN401
    return bounded(int(value))


def _float(value: Any) -> float:  # noqa: ANN401
    return float(value)


def _str(value: Any) -> str:  # noqa: ANN401
    if not isinstance(value, _SCALARS):
        raise TypeError(f"str() of {_kind(value)}")
    return bounded(str(value))


def _round(value: Any, digits: int | None = None) -> Any:  # noqa: ANN401
    if digits is None:
        return round(value)
    if not isinstance(digits, int) or abs(digits) > MOST_DIGITS:
        raise OverflowError(f"round() to at most {MOST_DIGITS} digits")
    return round(value, digits)


def _sum(values: Any) -> Any:  # noqa: ANN401
    # From left to right, one rounding a step: the language's own sum rounds otherwise from 3.12 on.
    total = 0
    for value in values:
        if not isinstance(value, _NUMBERS):
            raise TypeError(f"sum() of {_kind(value)}")
        total = bounded(total + value)
    return total


def _sorted(values: Any) -> list[Any]:  # noqa: ANN401
    return bounded(sorted(values))


def _kind(value: Any) -> str:  # noqa: ANN401
    return "None" if value is None else f"a {type(value).__name__}"


_BUILTINS: Mapping[str, Callable[..., Any]] = {
    "abs": abs,
    "min": min,
    "max": max,
    "len": len,
    "bool": bool,
    "range": range,
    "int": _int,
    "float": _float,
    "str": _str,
    "round": _round,
    "sum": _sum,
    "sorted": _sorted,
}

GUARDED: Mapping[str, Callable[..., Any]] = {
    **{f"_{name}": _BUILTINS[name] for name in BUILTINS},
    **{f"_math_{name}": getattr(math, name) for name in MATH},
    "_add": _add,
    "_sub": _calculator("-", operator.sub),
    "_mul": _calculator("*", operator.mul),
    "_div": _calculator("/", operator.truediv),
    "_floordiv": _calculator("//", operator.floordiv),
    "_mod": _calculator("%", operator.mod),
    "_pow": _pow,
    "_changed": _changed,
    "_items": _items,
    "_rounds": _rounds,
    "_method": _method,
}
"""Everything that a compiled function can reach."""
