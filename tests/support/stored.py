"""Feature views in their stored form, written by hand: plain data, without the engine's classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Node = dict[str, Any]


def column(name: str) -> Node:
    return {"column": name}


def literal(value: float | str | bool, kind: str) -> Node:
    return {"literal": value, "type": kind}


def operator(name: str, *args: Node) -> Node:
    return {"call": name, "args": list(args)}


def aggregate(function: str, of: Node | None = None, **options: Any) -> Node:
    """Options: where, window_us, hop_us, parameter."""
    parts = {"aggregate": function} | ({} if of is None else {"of": of})
    return parts | {name: value for name, value in options.items() if value is not None}


def view(
    features: Mapping[str, Node],
    columns: Mapping[str, str],
    *,
    name: str = "v",
    dataset: str = "o",
    keys: Sequence[str] = ("a",),
    ttl: int | None = None,
    primary_key: Sequence[str] = (),
    deletes: str | None = None,
    uses: Sequence[dict] = (),
) -> dict[str, Any]:
    """A stored view; `uses` are the stored views that it looks up."""
    stored: dict[str, Any] = {
        "format": 1,
        "name": name,
        "entities": [{"name": f"by_{key}", "join_keys": [key], "description": ""} for key in keys],
        "dataset": {
            "name": dataset,
            "columns": dict(sorted(columns.items())),
            "source": f"source_{dataset}",
            "table": f"processed/{dataset}",
            "primary_key": list(primary_key),
        },
        "features": [{"name": name, "expression": node} for name, node in features.items()],
        "ttl_us": ttl,
        "online": False,
        "owner": "",
        "description": "",
        "tags": {},
    }
    if deletes is not None:
        stored["dataset"]["deletes"] = deletes
    if uses:
        stored["uses"] = {other["name"]: other for other in sorted(uses, key=lambda other: other["name"])}
    return stored
