"""Quarantined records without the values of protected fields: what listings show unless a person asks for all of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mlinfra_assets.contracts.contract import Contract

SHOWN = "(protected)"


def shown_record(contract: Contract, record: str | None) -> str | None:
    """A record's JSON text with `(protected)` for each value of a protected field.

    A text that is not whole, or no JSON object, cannot be taken apart: none of it is shown if any field is protected.
    """
    names = {f.physical_name for f in contract.fields if f.protected}
    if record is None or not names:
        return record
    try:
        values = json.loads(record)
    except ValueError:
        return SHOWN
    if not isinstance(values, dict):
        return SHOWN
    return json.dumps(
        {name: SHOWN if name in names and value is not None else value for name, value in values.items()},
        ensure_ascii=False,
        separators=(",", ":"),
    )


def shown_reason(contract: Contract, reason: Mapping[str, Any]) -> dict[str, Any]:
    """A reason (`field`, `rule`, `value`, `message`) whose value is `(protected)` where it comes of a protected field.

    A rule across fields shows its values if none of them is protected; what could not be decoded at all may hold any.
    """
    protected = {f.name for f in contract.fields if f.protected}
    reads = {rule.name: set(rule.reads) for rule in contract.row_rules}
    looked_at = reads.get(str(reason["rule"]), protected) if reason["field"] is None else {reason["field"]}
    hidden = reason["value"] is not None and bool(protected & looked_at)
    return {**reason, "value": SHOWN} if hidden else dict(reason)
