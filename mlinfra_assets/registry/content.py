"""What the registry keeps of a view beside its document: its features, its entities, and the services that use it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mlinfra_assets.feature_store.canonical import canonical_json
from mlinfra_assets.feature_store.entity import Entity
from mlinfra_assets.feature_store.node_json import node_to_dict
from mlinfra_assets.feature_store.registry import VERSION_DIGITS
from mlinfra_assets.feature_store.store import FeatureService, resolve
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.feature_store.wording import text_of


@dataclass(frozen=True)
class RegisteredService:
    """A feature service with every feature that it stands for.

    Attributes:
        name: The service.
        features: Each `"view:feature"`, in order.
        owner: Who answers for it.
        description: What it is for.
        deprecated: What to use instead. Empty: it is in use.
    """

    name: str
    features: tuple[str, ...]
    owner: str = ""
    description: str = ""
    deprecated: str = ""

    @property
    def version(self) -> str:
        """12 hexadecimal digits over its features."""
        return fingerprint({"name": self.name, "features": list(self.features)})

    @property
    def views(self) -> tuple[str, ...]:
        """The views that its features are of, in order of appearance."""
        return tuple(dict.fromkeys(feature.partition(":")[0] for feature in self.features))


def fingerprint(value: object) -> str:
    """12 hexadecimal digits over JSON-ready content."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:VERSION_DIGITS]


def services(views: Mapping[str, FeatureView], declared: Iterable[FeatureService]) -> tuple[RegisteredService, ...]:
    """Declared services, each view that one names as a whole taken apart."""
    found = []
    for service in declared:
        features = tuple(f"{view.name}:{feature.name}" for view, feature in resolve(views, service))
        found.append(RegisteredService(service.name, features, service.owner, service.description, service.deprecated))
    return tuple(found)


def feature_rows(view: FeatureView) -> list[dict[str, Any]]:
    """One row a feature, in the order of the vector."""
    return [
        {
            "position": position,
            "feature": feature.name,
            "type": str(view.schema[feature.name]),
            "expression": text_of(feature.node),
            "hash": fingerprint({"type": str(view.schema[feature.name]), "expression": node_to_dict(feature.node)}),
        }
        for position, feature in enumerate(view.features)
    ]


def entity_row(entity: Entity, view: FeatureView) -> dict[str, Any]:
    """An entity with the types that its join keys have in a view, and the version that these make."""
    keys, types = list(entity.join_keys), [str(view.key_schema[key]) for key in entity.join_keys]
    version = fingerprint({"name": entity.name, "join_keys": keys, "types": types})
    return {"version": version, "join_keys": keys, "types": types, "description": entity.description}
