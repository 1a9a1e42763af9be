"""Declarations of tables for tests: as change data, and as a snapshot a day."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from mlinfra_assets.contracts.declaration import load_source
from mlinfra_assets.contracts.source import Source


def declared_table(
    folder: Path, name: str, fields: Mapping[str, str], ingest: Mapping[str, Any], **more: Any
) -> Source:
    """A source of a table, declared in a file.

    Args:
        folder: Where the file goes.
        name: The source's name.
        fields: By column what it holds: a logical type or `decimal(18,2)`; `key` before it for the primary key, `!` for
            one that is required.
        ingest: The `ingest` section.
        more: Other sections, and `quality` for rules of the table.
    """
    quality = more.pop("quality", None)
    sections = {"ingest": dict(ingest), "dagster": {"owners": ["team:shop"]}, **more}
    contract = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": name,
        "name": name,
        "version": "1.0.0",
        "description": {"purpose": "A table of a test."},
        "team": {"name": "shop"},
        "schema": [
            {
                "name": name,
                "logicalType": "object",
                "properties": [_property(column, said) for column, said in fields.items()],
                **({} if quality is None else {"quality": quality}),
            }
        ],
        "customProperties": [{"property": key, "value": value} for key, value in sections.items()],
    }
    file = folder / f"{name}.yaml"
    file.write_text(yaml.safe_dump(contract, sort_keys=False))
    return load_source(file)


def _property(column: str, said: str) -> dict[str, Any]:
    words = said.split()
    kind = words[-1]
    made: dict[str, Any] = {"name": column, "logicalType": kind, "description": "A column."}
    if kind.startswith("decimal"):
        made |= {"logicalType": "number", "physicalType": kind}
    if "key" in words:
        made |= {"primaryKey": True, "required": True}
    if "!" in words:
        made["required"] = True
    return made
