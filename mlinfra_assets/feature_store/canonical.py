"""The canonical form of a feature view: JSON in which equal definitions are equal text, and its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from mlinfra_assets.feature_store.column_type import ColumnType
from mlinfra_assets.feature_store.dataset import DatasetSchema
from mlinfra_assets.feature_store.entity import Entity
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.inference import feature_type
from mlinfra_assets.feature_store.nodes import Aggregate, Call, Column, Literal, Node, Score
from mlinfra_assets.feature_store.view import Feature, FeatureView

FORMAT = 1
_PROSE = ("owner", "description", "tags", "online")


def canonical_json(value: object) -> str:
    """JSON with sorted keys, no spaces, shortest floats that read back the same, and no NaN.

    Raises:
        ValueError: The value holds a NaN or an infinity.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def definition_hash(view: FeatureView) -> str:
    """SHA-256 (hex) of all that decides a view's values: not its owner, description, tags or whether it is online."""
    decisive = {key: value for key, value in view_to_dict(view).items() if key not in _PROSE}
    del decisive["dataset"]["table"]
    for entity in decisive["entities"]:
        del entity["description"]
    return hashlib.sha256(canonical_json(decisive).encode()).hexdigest()


def view_to_dict(view: FeatureView) -> dict[str, Any]:
    """The whole view as JSON-ready data."""
    return {
        "format": FORMAT,
        "name": view.name,
        "entities": [
            {"name": e.name, "join_keys": list(e.join_keys), "description": e.description} for e in view.entities
        ],
        "dataset": {
            "name": view.dataset.name,
            "columns": {name: str(kind) for name, kind in sorted(view.dataset.columns.items())},
            "source": view.dataset.source,
            "table": view.dataset.table,
            "primary_key": list(view.dataset.primary_key),
        },
        "features": [{"name": f.name, "expression": node_to_dict(f.node)} for f in view.features],
        "ttl_us": view.ttl,
        "online": view.online,
        "owner": view.owner,
        "description": view.description,
        "tags": dict(view.tags),
    }


def view_from_dict(data: Mapping[str, Any]) -> FeatureView:
    """The inverse of `view_to_dict`.

    Raises:
        DefinitionError: Not a feature view, or one of a newer format.
    """
    if data.get("format") != FORMAT:
        raise DefinitionError(f"a feature view of format {data.get('format')!r}; this version reads format {FORMAT}")
    try:
        dataset = data["dataset"]
        schema = DatasetSchema(
            name=dataset["name"],
            columns={name: ColumnType.parse(kind) for name, kind in sorted(dataset["columns"].items())},
            source=dataset["source"],
            table=dataset["table"],
            primary_key=tuple(dataset["primary_key"]),
        )
        view = FeatureView(
            name=data["name"],
            entities=tuple(Entity(e["name"], e["join_keys"], e["description"]) for e in data["entities"]),
            dataset=schema,
            features=tuple(Feature(f["name"], node_from_dict(f["expression"])) for f in data["features"]),
            ttl=data["ttl_us"],
            online=data["online"],
            owner=data["owner"],
            description=data["description"],
            tags=dict(data["tags"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DefinitionError(f"not a stored feature view: {error!r}") from error
    for feature in view.features:
        feature_type(feature.node, schema)
    return view


def node_to_dict(node: Node) -> dict[str, Any]:
    """An expression as JSON-ready data: one key names what it is."""
    if isinstance(node, Column):
        return {"column": node.name}
    if isinstance(node, Literal):
        return {"literal": node.value, "type": str(node.type)}
    if isinstance(node, Call):
        return {"call": node.operator, "args": [node_to_dict(arg) for arg in node.args]}
    if isinstance(node, Aggregate):
        parts: dict[str, Any] = {"aggregate": node.function}
        for key, child in (("of", node.of), ("where", node.where)):
            if child is not None:
                parts[key] = node_to_dict(child)
        lengths = {"window_us": node.window, "hop_us": node.hop}
        return parts | {key: length for key, length in lengths.items() if length is not None}
    if isinstance(node, Score):
        return {"score": node.model, "inputs": [[name, node_to_dict(arg)] for name, arg in node.inputs]}
    raise DefinitionError(node.message)


def node_from_dict(data: Mapping[str, Any]) -> Node:
    """The inverse of `node_to_dict`.

    Raises:
        DefinitionError: Not an expression.
    """
    if "column" in data:
        return Column(data["column"])
    if "literal" in data:
        kind = ColumnType.parse(data["type"])
        return Literal(float(data["literal"]) if kind.kind == "float64" else data["literal"], kind)
    if "call" in data:
        return Call(data["call"], tuple(node_from_dict(arg) for arg in data["args"]))
    if "aggregate" in data:
        return Aggregate(
            function=data["aggregate"],
            of=node_from_dict(data["of"]) if "of" in data else None,
            where=node_from_dict(data["where"]) if "where" in data else None,
            window=data.get("window_us"),
            hop=data.get("hop_us"),
        )
    if "score" in data:
        return Score(data["score"], tuple((name, node_from_dict(arg)) for name, arg in data["inputs"]))
    raise DefinitionError(f"not an expression: it has the keys {sorted(data)}")
