"""`mlinfra features list`: every feature view that is declared or registered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlinfra_assets.commands.context import HomeOption, JsonOption, settings_for

if TYPE_CHECKING:
    from mlinfra_assets.commands.catalogue import Catalogue

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
    from mlinfra_assets.commands.catalogue import open_catalogue
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


def view_row(catalogue: Catalogue, name: str) -> dict[str, Any]:
    """One view, JSON-ready; one whose registered document cannot be read has the reason as `unreadable`."""
    from mlinfra_assets.feature_store.errors import DefinitionError

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
    """A key of `STATES`."""
    if declared is None:
        return "withdrawn"
    if declared not in registered:
        return "changed" if registered else "unregistered"
    return "registered" if declared == registered[-1] else "returned"


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
