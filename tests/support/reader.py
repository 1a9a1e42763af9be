"""The judge: the value of a feature, read off the definition row by row. Slow, obvious, and without the engine's code.

It takes a view in its stored form (a dictionary), the rows of the dataset as dictionaries (times in microseconds,
decimals as `Decimal`), and an (entity, t, k); it follows the project's definition of a feature value sentence by
sentence.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

Row = dict[str, Any]
Scorer = Callable[[str, int, list[float | None]], float | None]


class TooLargeError(Exception):
    """An exact result does not fit in 64 bits."""


@dataclass(frozen=True)
class Exact:
    """An integer (scale 0) or a decimal."""

    unscaled: int
    scale: int = 0

    def __post_init__(self):
        if not -(2**63) <= self.unscaled < 2**63:
            raise TooLargeError(self.unscaled)

    @property
    def fraction(self):
        return Fraction(self.unscaled, 10**self.scale)

    def at(self, scale):
        return Exact(self.unscaled * 10 ** (scale - self.scale), scale)


def read(definition: dict, rows: Sequence[Row], entity: tuple, t: int, k: int, scorer: Scorer | None = None) -> dict:
    """Every feature of the entity at t as known at k, by name; None is null."""
    mine = rows_of(definition, rows, entity, t, k)
    names = [feature["name"] for feature in definition["features"]]
    ttl = definition["ttl_us"]
    if ttl is not None and (not mine or t - mine[-1]["_event_time"] > ttl):
        return dict.fromkeys(names)
    types = definition["dataset"]["columns"]
    values = [feature_value(feature["expression"], mine, types, t, k, scorer) for feature in definition["features"]]
    return {name: plain(value) for name, value in zip(names, values, strict=True)}


def serves(definition: dict, rows: Sequence[Row], entity: tuple, t: int) -> bool:
    """Whether a snapshot at t has the entity."""
    mine = rows_of(definition, rows, entity, t, t)
    ttl = definition["ttl_us"]
    return bool(mine) and (ttl is None or t - mine[-1]["_event_time"] <= ttl)


def rows_of(definition: dict, rows: Sequence[Row], entity: tuple, t: int, k: int) -> list[Row]:
    """The rows that count for an entity, in order."""
    once: dict[tuple, Row] = {}
    for row in sorted(rows, key=arrival):
        once.setdefault((row["_partition"], row["_offset"], row["_row"]), row)
    known = [row for row in once.values() if row["_event_time"] <= t and row["_known_at"] <= k]
    primary_key = definition["dataset"]["primary_key"]
    if primary_key:
        newest: dict[tuple, Row] = {}
        for number, row in enumerate(sorted(known, key=arrival)):
            key = tuple(row[column] for column in primary_key)
            newest[("no key", number) if None in key else key] = row
        known = list(newest.values())
    join_keys = [key for e in definition["entities"] for key in e["join_keys"]]
    mine = [row for row in known if None not in entity and tuple(row[key] for key in join_keys) == entity]
    return sorted(mine, key=lambda row: (row["_event_time"], *arrival(row)))


def arrival(row: Row) -> tuple:
    return row["_known_at"], row["_partition"], row["_offset"], row["_row"]


def feature_value(node: dict, rows: list[Row], types: dict, t: int, k: int, scorer: Scorer | None) -> Any:
    """The value of an expression over aggregates. A double that is not finite is null."""
    if "aggregate" in node:
        return finite(aggregate(node, rows, types, t))
    if "literal" in node:
        value = literal(node)
        return to_float(value) if isinstance(value, Exact) and value.scale else value
    if "score" in node:
        inputs = [feature_value(child, rows, types, t, k, scorer) for _, child in node["inputs"]]
        assert scorer is not None
        return finite(scorer(node["score"], k, [to_float(value) for value in inputs]))
    args = [feature_value(child, rows, types, t, k, scorer) for child in node["args"]]
    kinds = [feature_kind(child, types) for child in node["args"]]
    return finite(operate(node["call"], args, kinds))


def aggregate(node: dict, rows: list[Row], types: dict, t: int) -> Any:
    """One aggregate over an entity's rows."""
    if "window_us" in node:
        edge = t - node["window_us"]
        if "hop_us" in node:
            edge = edge // node["hop_us"] * node["hop_us"]
        rows = [row for row in rows if row["_event_time"] > edge]
    if "where" in node:
        rows = [row for row in rows if row_value(node["where"], row, types) is True]
    function = node["aggregate"]
    if function == "since_last":
        return float(Fraction(t - rows[-1]["_event_time"], 1_000_000)) if rows else None
    if "of" not in node:
        return Exact(len(rows))
    values = [value for row in rows if (value := row_value(node["of"], row, types)) is not None]
    if any(isinstance(value, float) and not math.isfinite(value) for value in values):
        return None
    if function == "count":
        return Exact(len(values))
    if function == "count_distinct":
        return Exact(len(set(values)))
    if not values:
        return None
    if function == "sum":
        return total(values)
    if function == "mean":
        if isinstance(values[0], float):
            rounded = total(values)
            return None if rounded is None else rounded / len(values)
        return float(sum(value.fraction for value in values) / len(values))
    chosen = {
        "min": lambda: min(values, key=comparable),
        "max": lambda: max(values, key=comparable),
        "first": lambda: values[0],
        "last": lambda: values[-1],
    }[function]()
    if isinstance(chosen, float):
        return chosen + 0.0
    return to_float(chosen) if isinstance(chosen, Exact) and chosen.scale else chosen


def total(values: list) -> Any:
    """The exact sum, as a double unless it is of integers."""
    if isinstance(values[0], float):
        try:
            return float(sum(map(Fraction, values), Fraction(0)))
        except OverflowError:
            return None
    if values[0].scale == 0:
        return Exact(sum(value.unscaled for value in values))
    return float(sum(value.fraction for value in values))


def row_value(node: dict, row: Row, types: dict) -> Any:
    """The value of an expression in one row."""
    if "column" in node:
        value = row[node["column"]]
        if isinstance(value, Decimal):
            scale = scale_of(types[node["column"]])
            return Exact(int(value.scaleb(scale)), scale)
        return Exact(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if "literal" in node:
        return literal(node)
    kinds = [row_kind(child, types) for child in node["args"]]
    return operate(node["call"], [row_value(child, row, types) for child in node["args"]], kinds)


def operate(operator: str, args: list, kinds: list[str]) -> Any:
    """An operator on values, None for null. The operands' types decide what `coalesce` gives."""
    if operator == "is_null":
        return args[0] is None
    if operator == "and":
        return False if False in args else None if None in args else True
    if operator == "or":
        return True if True in args else None if None in args else False
    if operator == "coalesce":
        first = next((arg for arg in args if arg is not None), None)
        return meet(first, common(kinds))
    if None in args[:2]:
        return None
    if operator == "not":
        return not args[0]
    if operator == "to_float":
        return to_float(args[0])
    if operator == "neg":
        return -args[0] if isinstance(args[0], float) else Exact(-args[0].unscaled, args[0].scale)
    if operator == "isin":
        return any(compare("eq", args[0], arg) for arg in args[1:])
    if operator in {"eq", "ne", "lt", "le", "gt", "ge"}:
        return compare(operator, args[0], args[1])
    return calculate(operator, args[0], args[1])


def calculate(operator: str, left: Any, right: Any) -> Any:
    """`add`, `sub`, `mul` and `div` of two values."""
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


def compare(operator: str, left: Any, right: Any) -> bool:
    """Numbers of two types compare at the larger scale, or as doubles if one is a float."""
    if isinstance(left, float) or isinstance(right, float):
        left, right = to_float(left), to_float(right)
    elif isinstance(left, Exact):
        scale = max(left.scale, right.scale)
        left, right = left.at(scale).unscaled, right.at(scale).unscaled
    return {
        "eq": left == right,
        "ne": left != right,
        "lt": left < right,
        "le": left <= right,
        "gt": left > right,
        "ge": left >= right,
    }[operator]


def to_float(value: Any) -> float | None:
    """The correctly rounded double; None of None."""
    return None if value is None else float_of(value)


def float_of(value: Any) -> float:
    return float(value.fraction) if isinstance(value, Exact) else float(value)


def meet(value: Any, kind: str) -> Any:
    if kind == "float64":
        return to_float(value)
    return value.at(scale_of(kind)) if isinstance(value, Exact) else value


def common(kinds: list[str]) -> str:
    if len(set(kinds)) == 1:
        return kinds[0]
    return "float64" if "float64" in kinds else f"decimal({max(map(scale_of, kinds))})"


def scale_of(kind: str) -> int:
    match = re.fullmatch(r"decimal\((\d+)\)", kind)
    return int(match.group(1)) if match else 0


def row_kind(node: dict, types: dict) -> str:
    """The type of a row expression; `bool` stands for what is no number where it does not matter."""
    if "column" in node:
        return types.get(node["column"], "other")
    if "literal" in node:
        return node["type"]
    return call_kind(node["call"], [row_kind(child, types) for child in node["args"]])


def feature_kind(node: dict, types: dict) -> str:
    if "aggregate" in node:
        if node["aggregate"] in {"count", "count_distinct"}:
            return "int64"
        if node["aggregate"] in {"mean", "since_last"}:
            return "float64"
        kind = row_kind(node["of"], types)
        return "float64" if scale_of(kind) else kind
    if "score" in node:
        return "float64"
    if "literal" in node:
        return "float64" if scale_of(node["type"]) else node["type"]
    return call_kind(node["call"], [feature_kind(child, types) for child in node["args"]])


def call_kind(operator: str, kinds: list[str]) -> str:
    if operator in {"to_float", "div"}:
        return "float64"
    if operator == "mul" and "float64" not in kinds:
        scale = sum(map(scale_of, kinds))
        return f"decimal({scale})" if scale else "int64"
    return common(kinds) if operator in {"add", "sub", "mul", "neg", "coalesce"} else "boolean"


def literal(node: dict) -> Any:
    value, kind = node["literal"], node["type"]
    return value if kind in {"float64", "string", "boolean"} else Exact(value, scale_of(kind))


def comparable(value: Any) -> Any:
    if isinstance(value, Exact):
        return value.unscaled
    return [ord(c) for c in value] if isinstance(value, str) else value


def finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def plain(value: Any) -> Any:
    return value.unscaled if isinstance(value, Exact) else value
