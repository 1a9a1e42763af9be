"""`mlinfra features history`: the versions of a feature view."""

from __future__ import annotations

from typing import Any

from mlinfra_assets.commands.context import HomeOption, JsonOption, settings_for
from mlinfra_assets.commands.features_show import ViewArgument


def history(view: ViewArgument, home: HomeOption = None, json: JsonOption = False) -> None:
    """The versions of a view in the order of their registration: when, by whom, by which run, what changed."""
    from mlinfra_assets.catalogue.view_json import version_rows
    from mlinfra_assets.catalogue.views import open_catalogue
    from mlinfra_assets.commands.output import print_json

    catalogue = open_catalogue(settings_for(home))
    catalogue.check(view)
    rows = version_rows(catalogue, view)
    print_json(rows) if json else _show(rows)


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
