"""`mlinfra features list`: every feature view that is declared or registered."""

from __future__ import annotations

from typing import Any

from mlinfra_assets.commands.context import HomeOption, JsonOption, settings_for

STATES = {
    "registered": "registered",
    "unregistered": "not registered yet",
    "changed": "changed",
    "returned": "registered earlier",
    "withdrawn": "no longer declared",
}
"""How the declared version of a view stands to its registered ones, in words."""


def list_views(home: HomeOption = None, json: JsonOption = False) -> None:
    """Every feature view: what it is about, its version, what it serves, who answers for it and who uses it.

    The version is the declared one. It is registered in the lake with the first snapshot or push that it makes.
    """
    from mlinfra_assets.catalogue.view_json import view_row
    from mlinfra_assets.catalogue.views import open_catalogue
    from mlinfra_assets.commands.output import console, print_json

    catalogue = open_catalogue(settings_for(home))
    rows = [view_row(catalogue, name) for name in catalogue.names()]
    if json:
        print_json(rows)
        return
    out = console()
    if not rows:
        out.print("No feature view is declared: see docs/declaring.md.")
        return
    _show(out, rows)


def _name(row: dict[str, Any]) -> Any:  # noqa: ANN401 - text for rich, which is imported when it is needed
    from rich.text import Text

    name = Text(row["view"], style="bold").append(f"\nof {', '.join(row['entities'])}", style="not bold")
    if row["uses"]:
        name.append(f"\nuses {', '.join(row['uses'])}", style="not bold")
    if row["deprecated"]:
        name.append(f"\ndeprecated: {row['deprecated']}", style="not bold yellow")
    return name


def _served(row: dict[str, Any]) -> str:
    from mlinfra_assets.feature_store.duration import format_duration

    ttl = "any age" if row["ttl_us"] is None else f"ttl {format_duration(row['ttl_us'])}"
    return f"{row['features']}, {ttl}\n{'online' if row['online'] else 'batch only'}"


def _show(out: Any, rows: list[dict[str, Any]]) -> None:  # noqa: ANN401 - a rich console, imported when it is needed
    from rich.text import Text

    from mlinfra_assets.commands.output import plain_table

    table = plain_table("view", "version", "features", "owner, users", whole=("view", "version"))
    for number, row in enumerate(rows):
        if number:
            table.add_row()
        version = Text(row["declared"] or row["registered"][-1])
        version.append("\n" + STATES[row["state"]], style="green" if row["state"] == "registered" else "yellow")
        if len(row["registered"]) > 1:
            version.append(f"\n{len(row['registered'])} versions", style="dim")
        if "unreadable" in row:
            table.add_row(Text(row["view"], style="bold"), version, "", Text(row["unreadable"], style="yellow"))
            continue
        users = [f"{user['kind']} {user['name']}" for user in row["used_by"]]
        table.add_row(_name(row), version, _served(row), "\n".join([row["owner"] or "nobody", *users]))
    out.print(table)
    out.print("\nOne in full: mlinfra features show VIEW")
