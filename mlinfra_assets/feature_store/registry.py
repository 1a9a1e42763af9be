"""Versions of feature views, and the document that lets a version be evaluated after the code has moved on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from mlinfra_assets.feature_store.canonical import canonical_json, definition_hash, view_from_dict, view_to_dict
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.view import FeatureView

VERSION_DIGITS = 12


def version(view: FeatureView, rests_on: Mapping[str, str], uses: Mapping[str, str] | None = None) -> str:
    """The version of a view: 12 hexadecimal digits.

    Args:
        view: The view.
        rests_on: What else decides its values, by name: the compiled SQL of its dataset, fingerprints of contracts.
        uses: Versions of the views that it uses, by name.
    """
    whole: dict[str, Any] = {"definition": definition_hash(view), "rests_on": dict(rests_on)}
    if uses:
        whole["uses"] = dict(uses)
    return hashlib.sha256(canonical_json(whole).encode()).hexdigest()[:VERSION_DIGITS]


@dataclass(frozen=True)
class ViewDocument:
    """A version of a view with all that is needed to compute its values from raw.

    Attributes:
        view: The definition.
        rests_on: What else decides its values, by name, as in `version`.
        sql: The compiled SQL of the row-wise model that makes its dataset; None if it reads a processed source.
        source: The source whose records the dataset maps row by row.
        contract: The contract of that source, JSON-ready.
        uses: The documents of the views whose features it looks up, by name.

    Raises:
        DefinitionError: The documents in `uses` are not those of the views that the definition uses.
    """

    view: FeatureView
    rests_on: Mapping[str, str] = field(default_factory=dict)
    sql: str | None = None
    source: str = ""
    contract: Mapping[str, Any] = field(default_factory=dict)
    uses: Mapping[str, ViewDocument] = field(default_factory=dict)

    def __post_init__(self) -> None:
        given = {name: definition_hash(document.view) for name, document in self.uses.items()}
        wanted = {view.name: definition_hash(view) for view in self.view.uses}
        if given != wanted:
            raise DefinitionError(
                f"the document of view {self.name} needs those of the views that it uses, as they are in it: "
                f"{', '.join(wanted) or 'none'}; it is given {', '.join(given) or 'none'}"
            )

    @property
    def name(self) -> str:
        """The view's name."""
        return self.view.name

    @cached_property
    def version(self) -> str:
        """The view's version: 12 hexadecimal digits."""
        return version(self.view, self.rests_on, {name: used.version for name, used in self.uses.items()})

    def to_json(self) -> str:
        """Canonical JSON: equal documents are equal text."""
        return canonical_json(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """The document as JSON-ready data."""
        stored = {
            "version": self.version,
            "view": view_to_dict(self.view),
            "rests_on": dict(self.rests_on),
            "sql": self.sql,
            "source": self.source,
            "contract": dict(self.contract),
        }
        uses = {name: document.to_dict() for name, document in self.uses.items()}
        return stored | ({"uses": uses} if uses else {})

    @classmethod
    def from_json(cls, text: str | bytes) -> ViewDocument:
        """The inverse of `to_json`.

        Raises:
            DefinitionError: Not a view's document, or its content does not have the version that it states.
        """
        try:
            return cls._from_dict(json.loads(text))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DefinitionError(f"not the document of a feature view: {error!r}") from error

    @classmethod
    def _from_dict(cls, data: Mapping[str, Any]) -> ViewDocument:
        uses = {name: cls._from_dict(used) for name, used in data.get("uses", {}).items()}
        view = view_from_dict(data["view"])
        document = cls(view, data["rests_on"], data["sql"], data["source"], data["contract"], uses)
        if data["version"] != document.version:
            raise DefinitionError(
                f"the document of view {document.name} states version {data['version']}, and its content is "
                f"{document.version}"
            )
        return document
