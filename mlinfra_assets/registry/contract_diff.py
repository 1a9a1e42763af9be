"""What differs between two contracts of one source: rules and types, not words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mlinfra_assets.feature_store.canonical import canonical_json
from mlinfra_assets.registry.change import Change

FIELDS = "fields"
WORDS = frozenset({"description", "name"})


def contract_changes(source: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Fields and rules that were added, removed or changed, named `source.field.rule`."""
    old, new = _flat(before), _flat(after)
    for path in sorted({*old, *new}, key=str):
        if old.get(path) != new.get(path):
            name = ".".join((source, *path))
            yield Change("contract", name, _text(old.get(path)), _text(new.get(path)))


def _flat(contract: Mapping[str, Any]) -> dict[tuple[str, ...], Any]:
    """Every rule by its path; a field that has none but its type is its type."""
    found: dict[tuple[str, ...], Any] = {
        (key,): value for key, value in contract.items() if key not in {FIELDS, *WORDS} and _says(value)
    }
    for field in contract.get(FIELDS, []):
        for key, value in field.items():
            if key not in WORDS and _says(value):
                found[(str(field.get("name")), key)] = value
    return found


def _says(value: object) -> bool:
    """Whether a rule is set at all."""
    return value is not None and value is not False and value not in ([], {}, "")


def _text(value: object) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) else canonical_json(value)
