"""The operators, on single values. Null in, null out, but for the five that decide about nulls themselves."""

from __future__ import annotations

import math
import re
from typing import Any

from tests.support.judge.kinds import common
from tests.support.judge.times import CALENDAR, seconds_between, time_to_string
from tests.support.judge.values import Exact, float_of, scale_of, to_float

ORDER = {
    "eq": lambda left, right: left == right,
    "ne": lambda left, right: left != right,
    "lt": lambda left, right: left < right,
    "le": lambda left, right: left <= right,
    "gt": lambda left, right: left > right,
    "ge": lambda left, right: left >= right,
}
TEXT = {
    "lower": str.lower,
    "upper": str.upper,
    "strip": str.strip,
    "length": lambda text: Exact(len(text)),
    "contains": lambda text, part: part in text,
    "starts_with": lambda text, part: text.startswith(part),
    "ends_with": lambda text, part: text.endswith(part),
    "concat": lambda *texts: "".join(texts),
    "substring": lambda text, start, length: text[start.unscaled : start.unscaled + length.unscaled],
}


def operate(operator: str, args: list, kinds: list[str]) -> Any:
    """An operator on values of these types."""
    if operator == "is_null":
        return args[0] is None
    if operator == "and":
        return False if False in args else None if None in args else True
    if operator == "or":
        return True if True in args else None if None in args else False
    if operator == "coalesce":
        return meet(next((arg for arg in args if arg is not None), None), common(kinds))
    if operator == "default":
        return meet(args[0], common(kinds))
    if operator == "if_else":
        condition, yes, no = args
        return None if condition is None else meet(yes if condition else no, common(kinds[1:]))
    if any(arg is None for arg in args):
        return None
    if operator in ORDER:
        return compare(operator, *args)
    if operator in TEXT:
        return TEXT[operator](*args)
    if operator in CALENDAR:
        return Exact(CALENDAR[operator](args[0].unscaled, kinds[0]))
    if operator in {"add", "sub", "mul", "div"}:
        return calculate(operator, *args)
    if operator == "not":
        return not args[0]
    if operator == "isin":
        return any(compare("eq", args[0], constant) for constant in args[1:])
    if operator == "bucket":
        return Exact(sum(compare("le", boundary, args[0]) for boundary in args[1:]))
    if operator == "seconds_between":
        return seconds_between(args[0].unscaled, args[1].unscaled, kinds[0])
    if operator == "to_int":
        return to_int(args[0])
    if operator == "to_float":
        return parse_float(args[0])
    if operator == "to_string":
        return to_string(args[0], kinds[0])
    return {"neg": negate, "abs": absolute, "floor": floor, "ceil": ceil}[operator](args[0])


def meet(value: Any, kind: str) -> Any:
    """A value in the type that it shares with others."""
    if kind == "float64":
        return to_float(value)
    return value.at(scale_of(kind)) if isinstance(value, Exact) else value


def compare(operator: str, left: Any, right: Any) -> bool:
    """Numbers of two types compare at the larger scale, or as doubles if one is a float."""
    if isinstance(left, float) or isinstance(right, float):
        left, right = to_float(left), to_float(right)
    elif isinstance(left, Exact):
        scale = max(left.scale, right.scale)
        left, right = left.at(scale).unscaled, right.at(scale).unscaled
    return ORDER[operator](left, right)


def calculate(operator: str, left: Any, right: Any) -> Any:
    """`add`, `sub`, `mul` and `div` of two numbers."""
    if isinstance(left, float) or isinstance(right, float):
        a, b = float_of(left), float_of(right)
        if operator == "div":
            return None if b == 0 else a / b
        return {"add": a + b, "sub": a - b, "mul": a * b}[operator]
    if operator == "div":
        return None if right.unscaled == 0 else float(left.fraction / right.fraction)
    if operator == "mul":
        return Exact(left.unscaled * right.unscaled, left.scale + right.scale)
    scale = max(left.scale, right.scale)
    a, b = left.at(scale).unscaled, right.at(scale).unscaled
    return Exact(a + b if operator == "add" else a - b, scale)


def negate(value: Any) -> Any:
    return -value if isinstance(value, float) else Exact(-value.unscaled, value.scale)


def absolute(value: Any) -> Any:
    return abs(value) if isinstance(value, float) else Exact(abs(value.unscaled), value.scale)


def floor(value: Any) -> Any:
    if isinstance(value, Exact):
        return Exact(math.floor(value.fraction))
    return math.copysign(math.floor(value), value) if math.isfinite(value) else value


def ceil(value: Any) -> Any:
    if isinstance(value, Exact):
        return Exact(math.ceil(value.fraction))
    # As IEEE says: between -1 and 0 it is a negative zero.
    return math.copysign(math.ceil(value), value) if math.isfinite(value) else value


def to_int(value: Any) -> Exact | None:
    """Towards zero; null for what is no 64-bit integer."""
    if isinstance(value, str):
        number = int(value) if re.fullmatch(r"[+-]?[0-9]+", value) else None
    elif isinstance(value, Exact):
        number = math.trunc(value.fraction)
    elif isinstance(value, float):
        number = math.trunc(value) if math.isfinite(value) else None
    else:
        number = int(value)
    return Exact(number) if number is not None and -(2**63) <= number < 2**63 else None


def parse_float(value: Any) -> float | None:
    if isinstance(value, str) and not re.fullmatch(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", value):
        return None
    return float(value) if isinstance(value, str) else to_float(value)


def to_string(value: Any, kind: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if kind in {"date", "timestamp"}:
        return time_to_string(value.unscaled, kind)
    if kind in {"int64", "decimal(0)"}:
        return str(value.unscaled)
    whole, rest = divmod(abs(value.unscaled), 10**value.scale)
    return f"{'-' if value.unscaled < 0 else ''}{whole}.{rest:0{value.scale}}"
