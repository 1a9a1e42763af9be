"""The registry's tables: their names in the lake, and what their columns are."""

from __future__ import annotations

import polars as pl

from mlinfra_assets import names

TIMESTAMP = pl.Datetime("us", "UTC")
ENTITIES = names.table(*names.registry("entities"))
VIEWS = names.table(*names.registry("feature_views"))
FEATURES = names.table(*names.registry("features"))
SERVICES = names.table(*names.registry("feature_services"))
CONTRACTS = names.table(*names.registry("contracts"))
BREAKERS = names.table(*names.registry("breakers"))
ONLINE_VERSIONS = names.table(*names.registry("online_versions"))
SCHEMAS = names.table(*names.registry("schemas"))

_CIRCUMSTANCES = {
    "registered_at": (TIMESTAMP, "When it was registered first, UTC."),
    "run_id": (pl.String(), "By which run."),
    "registered_by": (pl.String(), "By whom: the user of the machine, or of the CI system."),
}
_NUMBER = {"number": (pl.Int64(), "Order of registration.")}
_VERSIONED = {
    **_NUMBER,
    "name": (pl.String(), "Its name."),
    "version": (pl.String(), "12 hexadecimal digits over all that decides its values."),
    "document": (pl.String(), "The whole of it, as JSON."),
    **_CIRCUMSTANCES,
}
COLUMNS: dict[str, dict[str, tuple[pl.DataType, str]]] = {
    VIEWS: {
        **_VERSIONED,
        "owner": (pl.String(), "Who answered for it when it was registered."),
        "changed": (pl.String(), "What differs from the version before, in words, as JSON."),
    },
    CONTRACTS: _VERSIONED,
    SCHEMAS: {
        **_NUMBER,
        "registry": (pl.String(), "Address of the schema registry that it is from."),
        "schema_id": (pl.Int64(), "Its number there, which messages name."),
        "fingerprint": (pl.String(), "64 hexadecimal digits over all of it."),
        "kind": (pl.String(), "Its language: AVRO, JSON or PROTOBUF."),
        "document": (pl.String(), "The schema with all that it refers to, as JSON."),
        "run_id": (pl.String(), "Which run fetched it."),
    },
    FEATURES: {
        **_NUMBER,
        "view": (pl.String(), "The feature view."),
        "version": (pl.String(), "The view's version."),
        "position": (pl.Int64(), "Place in the view's vector, from 0."),
        "feature": (pl.String(), "The feature."),
        "type": (pl.String(), "Type of its values."),
        "expression": (pl.String(), "How it is computed, in words."),
        "hash": (pl.String(), "12 hexadecimal digits over the expression and its type."),
        **_CIRCUMSTANCES,
    },
    ENTITIES: {
        **_NUMBER,
        "name": (pl.String(), "The entity."),
        "version": (pl.String(), "12 hexadecimal digits over its join keys and their types."),
        "join_keys": (pl.List(pl.String()), "The columns that identify one, in order."),
        "types": (pl.List(pl.String()), "The type of each join key."),
        "description": (pl.String(), "What one is."),
        **_CIRCUMSTANCES,
    },
    SERVICES: {
        **_NUMBER,
        "name": (pl.String(), "The feature service."),
        "version": (pl.String(), "12 hexadecimal digits over its features."),
        "features": (pl.List(pl.String()), "Its features in order, each view:feature."),
        "owner": (pl.String(), "Who answered for it when it was registered."),
        "description": (pl.String(), "What it is for."),
        **_CIRCUMSTANCES,
    },
    BREAKERS: {
        "number": (pl.Int64(), "Order among the events of all breakers."),
        "subject": (pl.String(), "The breaker: source/<name> or view/<name>."),
        "kind": (pl.String(), "What happened: tripped, opened, probe_failed, probe_passed, released, dropped, ..."),
        "state": (pl.String(), "The breaker's state afterwards: closed, open or half_open."),
        "by": (pl.String(), "Who, or which rule."),
        "at": (TIMESTAMP, "When, UTC."),
        "why": (pl.String(), "The reason."),
        "evidence": (pl.String(), "What it rests on, as JSON."),
        "run_id": (pl.String(), "The run or command that recorded it."),
        "positions": (pl.String(), "The batches that it is about, as JSON: partition, first and last offset of each."),
        "contract": (pl.String(), "Fingerprint of the contract that they were judged with; empty if they were not."),
    },
    ONLINE_VERSIONS: {
        **_NUMBER,
        "view": (pl.String(), "The feature view."),
        "at": (TIMESTAMP, "When, UTC."),
        "what": (pl.String(), "What was done by hand: rolled_back or resumed."),
        "version": (pl.String(), "The view's version that was served from then on."),
        "by": (pl.String(), "Who did it."),
        "why": (pl.String(), "The reason."),
        "run_id": (pl.String(), "The command that recorded it."),
    },
}
"""Type and meaning of every column, by table."""


def schema(table: str) -> pl.Schema:
    """Columns and types of a table of the registry."""
    return pl.Schema({name: kind for name, (kind, _) in COLUMNS[table].items()})
