"""`mlinfra features unused`: features that nobody takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mlinfra_assets.commands.context import HomeOption, JsonOption, settings_for

if TYPE_CHECKING:
    from mlinfra_assets.catalogue.views import Catalogue


def unused(home: HomeOption = None, json: JsonOption = False) -> None:
    """The declared features that no model takes, no service hands out and no other view looks up."""
    from mlinfra_assets.catalogue.views import open_catalogue
    from mlinfra_assets.commands.output import console, plain_table, print_json

    found = unused_features(open_catalogue(settings_for(home)))
    if json:
        print_json(found)
        return
    out = console()
    if not any(found.values()):
        out.print("Every declared feature is used.")
        return
    table = plain_table("view", "features that nobody uses", whole=("view",))
    for view, features in found.items():
        if features:
            table.add_row(view, ", ".join(features))
    out.print(table)


def unused_features(catalogue: Catalogue) -> dict[str, list[str]]:
    """By declared view, those of its features that nobody uses, in its order."""
    found: dict[str, list[str]] = {}
    for name, view in catalogue.views.items():
        used = {feature for use in catalogue.users(name) for feature in use.features}
        found[name] = [feature.name for feature in view.features if feature.name not in used]
    return found
