"""Corrections of a record's fields, as a person writes them."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

import orjson

from mlinfra_assets.contracts.contract import Contract
from mlinfra_assets.errors import InvalidInputError


def typed_changes(contract: Contract, changes: Mapping[str, str]) -> dict[str, object]:
    """Corrections by the producer's names, with values as a producer would send them.

    Args:
        contract: Names the fields.
        changes: Field (its own name or the producer's) to the value that it should have, as text; `null` for none.

    Raises:
        InvalidInputError: The contract has no such field.
    """
    by_name = {f.physical_name: f for f in contract.fields} | {f.name: f for f in contract.fields}
    typed: dict[str, object] = {}
    for name, text in changes.items():
        if name not in by_name:
            near = get_close_matches(name, list(by_name), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"fields are {', '.join(f.name for f in contract.fields)}"
            raise InvalidInputError(f"{contract.name} has no field {name!r}: {hint}")
        field = by_name[name]
        typed[field.physical_name] = _typed(text, as_text=field.type in {"string", "timestamp", "date", "decimal"})
    return typed


def _typed(text: str, *, as_text: bool) -> object:
    if text == "null":
        return None
    if as_text:
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
