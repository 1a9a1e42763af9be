"""Versions of feature views, and the document that lets a version be evaluated after the code has moved on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mlinfra_assets.feature_store.canonical import canonical_json, definition_hash, view_from_dict, view_to_dict
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.view import FeatureView

VERSION_DIGITS = 12


def version(view: FeatureView, rests_on: Mapping[str, str]) -> str:
    """The version of a view: 12 hexadecimal digits.

    Args:
        view: The view.
        rests_on: What else decides its values, by name: the compiled SQL of its dataset, fingerprints of contracts.
    """
    whole = {"definition": definition_hash(view), "rests_on": dict(rests_on)}
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
    """

    view: FeatureView
    rests_on: Mapping[str, str] = field(default_factory=dict)
    sql: str | None = None
    source: str = ""
    contract: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The view's name."""
        return self.view.name

    @property
    def version(self) -> str:
        """The view's version: 12 hexadecimal digits."""
        return version(self.view, self.rests_on)

    def to_json(self) -> str:
        """Canonical JSON: equal documents are equal text."""
        return canonical_json(
            {
                "version": self.version,
                "view": view_to_dict(self.view),
                "rests_on": dict(self.rests_on),
                "sql": self.sql,
                "source": self.source,
                "contract": dict(self.contract),
            }
        )

    @classmethod
    def from_json(cls, text: str | bytes) -> ViewDocument:
        """The inverse of `to_json`.

        Raises:
            DefinitionError: Not a view's document, or its content does not have the version that it states.
        """
        try:
            data = json.loads(text)
            document = cls(
                view_from_dict(data["view"]), data["rests_on"], data["sql"], data["source"], data["contract"]
            )
            stated = data["version"]
        except (ValueError, KeyError, TypeError) as error:
            raise DefinitionError(f"not the document of a feature view: {error!r}") from error
        if stated != document.version:
            raise DefinitionError(
                f"the document of view {document.name} states version {stated}, and its content is {document.version}"
            )
        return document
