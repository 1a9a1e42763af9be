"""`mlinfra features history`: the versions of a feature view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlinfra_assets.commands.context import HomeOption, JsonOption, settings_for
from mlinfra_assets.commands.features_show import ViewArgument

if TYPE_CHECKING:
    from mlinfra_assets.commands.catalogue import Catalogue


def history(view: ViewArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """The versions of a view in the order of their registration: when, by whom, by which run, what changed."""
    from mlinfra_assets.commands.catalogue import open_catalogue
    from mlinfra_assets.commands.output import print_json

    catalogue = open_catalogue(settings_for(home))
    catalogue.check(view)
    rows = version_rows(catalogue, view)
    print_json(rows) if json else _show(rows)


def version_rows(catalogue: Catalogue, name: str) -> list[dict[str, Any]]:
    """Each version of a view, JSON-ready; the declared one comes last if it is not registered."""
    from mlinfra_assets.registry.history import comparison, comparisons

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


def _show(rows: list[dict[str, Any]]) -> None:
    from rich.text import Text

    from mlinfra_assets.commands.output import console, plain_table

    table = plain_table("version", "registered", "what changed", whole=("version", "registered"))
    for number, row in enumerate(rows):
        if number:
            table.add_row()
        version = Text(row["version"], style="bold" if row["declared"] else "")
        if row["declared"]:
            version.append("\ndeclared", style="not bold green")
        table.add_row(version, _registered(row), _changed(row))
    console().print(table)


def _registered(row: dict[str, Any]) -> str:
    if row["registered_at"] is None:
        return "not yet"
    by = f"\nby {row['registered_by']}" if row["registered_by"] else ""
    return f"{row['registered_at']:%Y-%m-%d %H:%M} UTC{by}\nrun {row['run_id'][:8]}"


def _changed(row: dict[str, Any]) -> Any:  # noqa: ANN401 - text for rich, which is imported when it is needed
    from mlinfra_assets.commands.change_text import change_lines
    from mlinfra_assets.registry.change import Change

    if row.get("note"):
        return row["note"]
    if row["against"] is None:
        return "the first version"
    return change_lines([Change.from_dict(change) for change in row["changes"]])
