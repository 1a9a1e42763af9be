"""An expression as JSON-ready data, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.nodes import (
    Aggregate,
    Call,
    Column,
    Key,
    Literal,
    Lookup,
    Moment,
    Node,
    Python,
    Request,
    Score,
)


def node_to_dict(node: Node) -> dict[str, Any]:
    """An expression as JSON-ready data: one key names what it is.

    Raises:
        DefinitionError: The expression holds what could not be said.
    """
    if isinstance(node, Column):
        return {"column": node.name}
    if isinstance(node, Literal):
        return {"literal": node.value, "type": str(node.type)}
    if isinstance(node, Call):
        return {"call": node.operator, "args": [node_to_dict(arg) for arg in node.args]}
    if isinstance(node, Aggregate):
        return _aggregate_to_dict(node)
    if isinstance(node, Key):
        return {"key": node.name}
    if isinstance(node, Moment):
        return {"moment": True}
    if isinstance(node, Request):
        return {"request": node.name, "type": str(node.type)}
    if isinstance(node, Lookup):
        return {"lookup": node.feature, "view": node.view, "keys": _named_to_list(node.keys)}
    if isinstance(node, Python):
        args = [node_to_dict(arg) for arg in node.args]
        return {"python": node.name, "source": node.source, "type": str(node.type), "args": args}
    if isinstance(node, Score):
        return {"score": node.model, "inputs": _named_to_list(node.inputs)}
    raise DefinitionError(node.message)


def node_from_dict(data: Mapping[str, Any]) -> Node:
    """The inverse of `node_to_dict`.

    Raises:
        DefinitionError: Not an expression.
        KeyError: A part of it is missing.
    """
    if "column" in data:
        return Column(data["column"])
    if "literal" in data:
        kind = ColumnType.parse(data["type"])
        return Literal(float(data["literal"]) if kind.kind == "float64" else data["literal"], kind)
    if "call" in data:
        return Call(data["call"], tuple(node_from_dict(arg) for arg in data["args"]))
    if "aggregate" in data:
        return _aggregate_from_dict(data)
    if "key" in data:
        return Key(data["key"])
    if "moment" in data:
        return Moment()
    if "request" in data:
        return Request(data["request"], ColumnType.parse(data["type"]))
    if "lookup" in data:
        return Lookup(data["view"], data["lookup"], _named_from_list(data["keys"]))
    if "python" in data:
        args = tuple(node_from_dict(arg) for arg in data["args"])
        return Python(data["python"], data["source"], args, ColumnType.parse(data["type"]))
    if "score" in data:
        return Score(data["score"], _named_from_list(data["inputs"]))
    raise DefinitionError(f"not an expression: it has the keys {sorted(data)}")


def _aggregate_to_dict(node: Aggregate) -> dict[str, Any]:
    parts: dict[str, Any] = {"aggregate": node.function}
    for key, child in (("of", node.of), ("where", node.where)):
        if child is not None:
            parts[key] = node_to_dict(child)
    numbers = {"window_us": node.window, "hop_us": node.hop, "parameter": node.parameter}
    return parts | {key: number for key, number in numbers.items() if number is not None}


def _aggregate_from_dict(data: Mapping[str, Any]) -> Aggregate:
    return Aggregate(
        function=data["aggregate"],
        of=node_from_dict(data["of"]) if "of" in data else None,
        where=node_from_dict(data["where"]) if "where" in data else None,
        window=data.get("window_us"),
        hop=data.get("hop_us"),
        parameter=data.get("parameter"),
    )


def _named_to_list(parts: tuple[tuple[str, Node], ...]) -> list[list[Any]]:
    return [[name, node_to_dict(node)] for name, node in parts]


def _named_from_list(parts: list[list[Any]]) -> tuple[tuple[str, Node], ...]:
    return tuple((name, node_from_dict(node)) for name, node in parts)
