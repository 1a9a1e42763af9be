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
LATER: dict[type, frozenset[str]] = {
    Field: frozenset({"non_finite", "unit"}),
    Condition: frozenset({"minimum_field", "maximum_field"}),
    RowRule: frozenset({"severity"}),
    BatchRule: frozenset({"fields", "values", "days"}),
    Contract: frozenset({"compatibility", "deletes", "message_format"}),
}
"""What can be declared since contracts have fingerprints: left out where it has its default, so that these stay."""


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
                "rules": tuple(_batch_rule(r) for r in data["rules"]),
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
    text = json.dumps(without_prose(to_dict(contract)), sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:12]


def _batch_rule(data: Mapping[str, Any]) -> BatchRule:
    listed = {key: tuple(data[key]) for key in ("threshold", "fields", "values") if key in data}
    return BatchRule(**{**data, **listed})


def _condition(data: Mapping[str, Any] | None) -> Condition | None:
    return None if data is None else Condition(**{**data, "enum": tuple(data["enum"])})


def _plain(value: object) -> object:
    if isinstance(value, Contract | Field | BatchRule | RowRule | Condition):
        later = LATER[type(value)]
        return {
            f.name: _plain(getattr(value, f.name))
            for f in fields(value)
            if not f.name.startswith("_") and not (f.name in later and getattr(value, f.name) == f.default)
        }
    return [_plain(v) for v in value] if isinstance(value, tuple) else value


def without_prose(value: object) -> object:
    """A JSON-ready form without the words in it, which decide nothing."""
    if isinstance(value, dict):
        return {k: without_prose(v) for k, v in value.items() if k not in PROSE}
    return [without_prose(v) for v in value] if isinstance(value, list) else value
