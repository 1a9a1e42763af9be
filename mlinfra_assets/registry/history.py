"""What each version of a view changed against the one before."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.registry.change import Change
from mlinfra_assets.registry.diff import changes
from mlinfra_assets.registry.registered import Registered


@dataclass(frozen=True)
class Comparison:
    """A version against the one before.

    Attributes:
        against: The version before; None if there is none.
        changes: What differs.
        note: Why there is no saying what differs; empty otherwise.
    """

    against: str | None
    changes: tuple[Change, ...] = ()
    note: str = ""

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        noted = {"note": self.note} if self.note else {}
        return {"against": self.against, "changes": [change.to_dict() for change in self.changes], **noted}


def comparison(before: Registered | None, document: ViewDocument) -> Comparison:
    """A version against the one that was registered before it."""
    if before is None:
        return Comparison(None)
    try:
        return Comparison(before.version, changes(ViewDocument.from_json(before.document), document))
    except DefinitionError as error:
        return Comparison(before.version, note=f"version {before.version} cannot be read: {error}")


def comparisons(entries: Sequence[Registered]) -> list[Comparison]:
    """For each of a view's versions in order, what it changed: as it was kept, else worked out now."""
    befores = [None, *entries][:-1]
    return [_kept(entry) if entry.changed else _made(b, entry) for b, entry in zip(befores, entries, strict=True)]


def _kept(entry: Registered) -> Comparison:
    data = json.loads(entry.changed)
    return Comparison(data["against"], tuple(map(Change.from_dict, data["changes"])), data.get("note", ""))


def _made(before: Registered | None, entry: Registered) -> Comparison:
    try:
        return comparison(before, ViewDocument.from_json(entry.document))
    except DefinitionError as error:
        return Comparison(None if before is None else before.version, note=str(error))
