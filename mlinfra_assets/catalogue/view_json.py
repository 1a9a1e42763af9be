"""A feature view in JSON: as one of all, with everything about a version, with its versions."""

from __future__ import annotations

from typing import Any

from mlinfra_assets.catalogue.views import Catalogue, Version
from mlinfra_assets.catalogue.way import lineage
from mlinfra_assets.feature_store.errors import DefinitionError
from mlinfra_assets.registry.content import feature_rows
from mlinfra_assets.registry.history import comparison, comparisons


def view_row(catalogue: Catalogue, name: str) -> dict[str, Any]:
    """One view, JSON-ready; one whose registered document cannot be read has the reason as `unreadable`."""
    declared, entries = catalogue.declared(name), catalogue.entries.get(name, [])
    version, registered = None if declared is None else declared.document.version, [entry.version for entry in entries]
    row: dict[str, Any] = {
        "view": name,
        "declared": version,
        "registered": registered,
        "state": state_of(version, registered),
        "used_by": [{"kind": use.kind, "name": use.name} for use in catalogue.users(name)],
    }
    try:
        view = catalogue.version(name).document.view
    except DefinitionError as error:
        return {**row, "unreadable": str(error)}
    return {
        **row,
        "entities": [entity.name for entity in view.entities],
        "join_keys": list(view.join_keys),
        "ttl_us": view.ttl,
        "online": view.online,
        "features": len(view.features),
        "owner": view.owner,
        "deprecated": view.deprecated or None,
        "request": {name: str(kind) for name, kind in view.request_schema.items()},
        "uses": list(view.used),
    }


def state_of(declared: str | None, registered: list[str]) -> str:
    """How what is declared stands to what is registered: the versions of a view, the newest last."""
    if declared is None:
        return "withdrawn"
    if declared not in registered:
        return "changed" if registered else "unregistered"
    return "registered" if declared == registered[-1] else "returned"


def described(catalogue: Catalogue, found: Version) -> dict[str, Any]:
    """Everything about a version, JSON-ready."""
    document, entry = found.document, found.registered
    view, declared = document.view, catalogue.declared(document.name)
    return {
        "view": view.name,
        "version": document.version,
        "declared": declared is not None and declared.document.version == document.version,
        "registered_at": None if entry is None else entry.registered_at,
        "registered_by": (entry.registered_by or None) if entry else None,
        "run_id": None if entry is None else entry.run_id,
        "owner": view.owner,
        "description": view.description,
        "tags": dict(view.tags),
        "entities": [{"name": e.name, "join_keys": list(e.join_keys)} for e in view.entities],
        "keys": {name: str(kind) for name, kind in view.key_schema.items()},
        "ttl_us": view.ttl,
        "online": view.online,
        "deprecated": view.deprecated or None,
        "request": {name: str(kind) for name, kind in view.request_schema.items()},
        "uses": {name: used.version for name, used in document.uses.items()},
        "dataset": {
            "name": view.dataset.name,
            "table": view.dataset.table,
            "source": view.dataset.source,
            "primary_key": list(view.dataset.primary_key),
            "deletes": view.dataset.deletes,
            "columns": {name: str(kind) for name, kind in view.dataset.columns.items()},
        },
        "rests_on": dict(document.rests_on),
        "features": feature_rows(view),
        "used_by": [
            {"kind": use.kind, "name": use.name, "features": list(use.features)} for use in catalogue.users(view.name)
        ],
        "scores_of": list(view.models),
        "lineage": lineage(document, catalogue.sources),
    }


def version_rows(catalogue: Catalogue, name: str) -> list[dict[str, Any]]:
    """Each version of a view, JSON-ready; the declared one comes last if it is not registered."""
    entries, declared = catalogue.entries.get(name, []), catalogue.declared(name)
    now = None if declared is None else declared.document.version
    rows = [
        {
            "version": entry.version,
            "declared": entry.version == now,
            "registered_at": entry.registered_at,
            "registered_by": entry.registered_by or None,
            "owner": entry.owner or None,
            "run_id": entry.run_id,
            **made.to_dict(),
        }
        for entry, made in zip(entries, comparisons(entries), strict=True)
    ]
    if declared is not None and declared.registered is None:
        unregistered = dict.fromkeys(("registered_at", "registered_by", "owner", "run_id"))
        made = comparison(entries[-1] if entries else None, declared.document)
        rows.append({"version": now, "declared": True, **unregistered, **made.to_dict()})
    return rows
