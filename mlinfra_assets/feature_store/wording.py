"""An expression as a person would write it: `sum(line_amount) over 30d where is_sale`."""

from __future__ import annotations

from mlinfra_assets.feature_store.duration import format_duration
from mlinfra_assets.feature_store.nodes import Aggregate, Call, Column, Invalid, Literal, Node, Score

INFIX = {
    "add": "+", "sub": "-", "mul": "*", "div": "/", "eq": "=", "ne": "≠", "lt": "<", "le": "≤", "gt": ">", "ge": "≥",
    "and": "and", "or": "or",
}  # fmt: skip


def text_of(node: Node) -> str:
    """An expression in words, for descriptions; not meant to be parsed."""
    if isinstance(node, Column):
        return node.name
    if isinstance(node, Literal):
        return repr(node.value)
    if isinstance(node, Score):
        return f"score of {node.model}"
    if isinstance(node, Aggregate):
        return _aggregate(node)
    if isinstance(node, Invalid):
        return node.message
    return _call(node)


def _aggregate(node: Aggregate) -> str:
    text = f"{node.function}({'' if node.of is None else text_of(node.of)})"
    if node.window is not None:
        text += f" over {format_duration(node.window)}"
    if node.hop is not None:
        text += f" by {format_duration(node.hop)}"
    return text if node.where is None else f"{text} where {text_of(node.where)}"


def _call(node: Call) -> str:
    args = [_grouped(arg) for arg in node.args]
    if node.operator in INFIX and len(args) == 2:
        return f"{args[0]} {INFIX[node.operator]} {args[1]}"
    if node.operator == "neg":
        return f"-{args[0]}"
    return f"{node.operator}({', '.join(args)})"


def _grouped(node: Node) -> str:
    infix = isinstance(node, Call) and node.operator in INFIX
    return f"({text_of(node)})" if infix or (isinstance(node, Aggregate) and node.where is not None) else text_of(node)
