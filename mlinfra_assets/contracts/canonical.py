"""The canonical JSON form of a contract, and its fingerprint."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from hashlib import sha256
from typing import Any, cast

from mlinfra_assets.contracts.contract import BatchRule, Condition, Contract, Field, RowRule
from mlinfra_assets.errors import InvalidInputError

PROSE = {"version", "description", "owner", "classification"}


def to_dict(contract: Contract) -> dict[str, Any]:
    """A JSON-ready form of the entire contract."""
    return cast("dict[str, Any]", _plain(contract))


def to_json(contract: Contract) -> str:
    """Canonical JSON: sorted keys, no white space."""
    return json.dumps(to_dict(contract), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def from_json(text: str) -> Contract:
    """The inverse of `to_json`.

    Raises:
        InvalidInputError: The text is not a contract.
    """
    try:
        data = json.loads(text)
        return Contract(
            **{
                **data,
                "fields": tuple(Field(**{**f, "enum": tuple(f["enum"])}) for f in data["fields"]),
                "primary_key": tuple(data["primary_key"]),
                "rules": tuple(BatchRule(**{**r, "threshold": tuple(r["threshold"])}) for r in data["rules"]),
                "row_rules": tuple(
                    RowRule(**{**r, "when": _condition(r["when"]), "then": _condition(r["then"])})
                    for r in data["row_rules"]
                ),
            }
        )
    except (ValueError, KeyError, TypeError) as error:
        raise InvalidInputError(f"this is not a stored contract ({error}): {text[:200]}") from error


def fingerprint(contract: Contract) -> str:
    """12 hexadecimal digits over schema and rules; descriptions, owner and version do not count."""
    text = json.dumps(_without_prose(to_dict(contract)), sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:12]


def _condition(data: Mapping[str, Any] | None) -> Condition | None:
    return None if data is None else Condition(**{**data, "enum": tuple(data["enum"])})


def _plain(value: object) -> object:
    if isinstance(value, Contract | Field | BatchRule | RowRule | Condition):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value) if not f.name.startswith("_")}
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def _without_prose(value: object) -> object:
    if isinstance(value, dict):
        return {k: _without_prose(v) for k, v in value.items() if k not in PROSE}
    return [_without_prose(v) for v in value] if isinstance(value, list) else value
