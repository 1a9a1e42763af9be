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
from mlinfra_assets.feature_store.node_json import node_from_dict, node_to_dict
from mlinfra_assets.feature_store.view import Feature, FeatureView, check_view

FORMAT = 1
_PROSE = ("owner", "description", "tags", "online", "deprecated")


def canonical_json(value: object) -> str:
    """JSON with sorted keys, no spaces, shortest floats that read back the same, and no NaN.

    Raises:
        ValueError: The value holds a NaN or an infinity.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def definition_hash(view: FeatureView) -> str:
    """SHA-256 (hex) of all that decides a view's values, that of the views it uses with it.

    Its owner, description, tags, deprecation and whether it is online do not count.
    """
    return hashlib.sha256(canonical_json(_decisive(view_to_dict(view))).encode()).hexdigest()


def view_to_dict(view: FeatureView) -> dict[str, Any]:
    """The whole view as JSON-ready data, with the views that it uses."""
    stored = {
        "format": FORMAT,
        "name": view.name,
        "entities": [_entity_to_dict(entity) for entity in view.entities],
        "dataset": _dataset_to_dict(view.dataset),
        "features": [{"name": f.name, "expression": node_to_dict(f.node)} for f in view.features],
        "ttl_us": view.ttl,
        "online": view.online,
        "owner": view.owner,
        "description": view.description,
        "tags": dict(view.tags),
    }
    if view.deprecated:
        stored["deprecated"] = view.deprecated
    if view.uses:
        stored["uses"] = {used.name: view_to_dict(used) for used in view.uses}
    return stored


def view_from_dict(data: Mapping[str, Any]) -> FeatureView:
    """The inverse of `view_to_dict`.

    Raises:
        DefinitionError: Not a feature view, one of a newer format, or one that could not be declared.
    """
    if data.get("format") != FORMAT:
        raise DefinitionError(f"a feature view of format {data.get('format')!r}; this version reads format {FORMAT}")
    try:
        view = FeatureView(
            name=data["name"],
            entities=tuple(_entity_from_dict(entity) for entity in data["entities"]),
            dataset=_dataset_from_dict(data["dataset"]),
            features=tuple(Feature(f["name"], node_from_dict(f["expression"])) for f in data["features"]),
            ttl=data["ttl_us"],
            online=data["online"],
            owner=data["owner"],
            description=data["description"],
            tags=dict(data["tags"]),
            deprecated=data.get("deprecated", ""),
            uses=tuple(view_from_dict(used) for _, used in sorted(data.get("uses", {}).items())),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DefinitionError(f"not a stored feature view: {error!r}") from error
    try:
        check_view(view)
    except DefinitionError as error:
        raise DefinitionError(f"stored feature view {view.name}: {error}") from error
    return view


def _decisive(stored: dict[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in stored.items() if key not in _PROSE}
    kept["dataset"] = {key: value for key, value in kept["dataset"].items() if key != "table"}
    kept["entities"] = [{key: entity[key] for key in ("name", "join_keys")} for entity in kept["entities"]]
    if "uses" in kept:
        kept["uses"] = {name: _decisive(used) for name, used in kept["uses"].items()}
    return kept


def _entity_to_dict(entity: Entity) -> dict[str, Any]:
    stored = {"name": entity.name, "join_keys": list(entity.join_keys), "description": entity.description}
    types = {key: str(kind) for key, kind in entity.key_types.items()}
    return stored | ({"key_types": types} if types else {})


def _entity_from_dict(data: Mapping[str, Any]) -> Entity:
    return Entity(data["name"], data["join_keys"], data["description"], data.get("key_types"))


def _dataset_to_dict(dataset: DatasetSchema) -> dict[str, Any]:
    stored = {
        "name": dataset.name,
        "columns": {name: str(kind) for name, kind in sorted(dataset.columns.items())},
        "source": dataset.source,
        "table": dataset.table,
        "primary_key": list(dataset.primary_key),
    }
    return stored | ({} if dataset.deletes is None else {"deletes": dataset.deletes})


def _dataset_from_dict(data: Mapping[str, Any]) -> DatasetSchema:
    return DatasetSchema(
        name=data["name"],
        columns={name: ColumnType.parse(kind) for name, kind in sorted(data["columns"].items())},
        source=data["source"],
        table=data["table"],
        primary_key=tuple(data["primary_key"]),
        deletes=data.get("deletes"),
    )
