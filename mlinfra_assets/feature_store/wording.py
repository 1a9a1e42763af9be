"""An expression as a person would write it: `sum(line_amount) over 30d where is_sale`."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

from mlinfra_assets.clock import from_micros
from mlinfra_assets.feature_store.duration import format_duration
from mlinfra_assets.feature_store.nodes import (
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
)

INFIX = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "eq": "=", "ne": "≠", "lt": "<", "le": "≤", "gt": ">", "ge": "≥",
    "and": "and", "or": "or",
}  # fmt: skip


def text_of(node: Node) -> str:
    """An expression in words, for descriptions; not meant to be parsed."""
    if isinstance(node, Column | Key):
        return node.name
    if isinstance(node, Literal):
        return _constant(node)
    if isinstance(node, Aggregate):
        return _aggregate(node)
    if isinstance(node, Call):
        return _call(node)
    if isinstance(node, Moment):
        return "now"
    if isinstance(node, Request):
        return f"{node.name} of the request"
    if isinstance(node, Lookup):
        return _lookup(node)
    if isinstance(node, Python):
        return f"{node.name}({', '.join(map(text_of, node.args))})"
    if isinstance(node, Invalid):
        return node.message
    return f"score of {node.model}"


def _constant(node: Literal) -> str:
    if node.type.kind == "decimal":
        return str(Decimal(node.value).scaleb(-node.type.scale))
    if node.type.kind == "timestamp":
        return from_micros(int(node.value)).isoformat().replace("+00:00", "Z")
    if node.type.kind == "date":
        return (date(1970, 1, 1) + timedelta(days=int(node.value))).isoformat()
    return repr(node.value)


def _aggregate(node: Aggregate) -> str:
    args = [] if node.of is None else [text_of(node.of)]
    if node.parameter is not None:
        args.append(_share(node.parameter) if node.function == "quantile" else str(node.parameter))
    text = f"{node.function}({', '.join(args)})"
    if node.window is not None:
        text += f" over {format_duration(node.window)}"
    if node.hop is not None:
        text += f" by {format_duration(node.hop)}"
    return text if node.where is None else f"{text} where {text_of(node.where)}"


def _share(millionths: int) -> str:
    return f"{Decimal(millionths).scaleb(-6).normalize():f}"


def _lookup(node: Lookup) -> str:
    mapped = [f"{name} = {_grouped(value)}" for name, value in node.keys if value != Key(name)]
    text = f"{node.view}:{node.feature}"
    return f"{text} of {', '.join(mapped)}" if mapped else text


def _call(node: Call) -> str:
    if node.operator in INFIX and len(node.args) == 2:
        return f"{_grouped(node.args[0])} {INFIX[node.operator]} {_grouped(node.args[1])}"
    if node.operator == "neg":
        return f"-{_grouped(node.args[0])}"
    return f"{node.operator}({', '.join(map(text_of, node.args))})"


def _grouped(node: Node) -> str:
    infix = isinstance(node, Call) and node.operator in INFIX
    trailing = isinstance(node, Aggregate) and node.where is not None
    mapped = isinstance(node, Lookup) and any(value != Key(name) for name, value in node.keys)
    return f"({text_of(node)})" if infix or trailing or mapped else text_of(node)
