"""`mlinfra features diff`: what differs between two versions of a feature view."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, settings_for
from mlinfra_assets.commands.features_show import ViewArgument

if TYPE_CHECKING:
    from mlinfra_assets.catalogue.views import Version
    from mlinfra_assets.registry.change import Change

DIFFERENT = 1


def diff(
    view: ViewArgument,
    before: Annotated[
        str | None,
        typer.Argument(
            metavar="[A]", help="A version, or its first digits. Default: the newest registered.", show_default=False
        ),
    ] = None,
    after: Annotated[
        str | None,
        typer.Argument(metavar="[B]", help="The other one. Default: the declared.", show_default=False),
    ] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="End with 1 if they differ, as `git diff --exit-code` does.")
    ] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """What differs between two versions of a view: features in words, keys, TTL, columns, SQL, contract.

    A and B are versions or their first digits, `newest` (registered) or `declared`. What changes no value (owner,
    description, tags, online) is marked so.
    """
    from mlinfra_assets.catalogue.views import DECLARED, NEWEST, open_catalogue
    from mlinfra_assets.registry.diff import changes, sql_difference

    catalogue = open_catalogue(settings_for(home))
    catalogue.check(view)
    first = catalogue.newest(view) if before in {None, NEWEST} else catalogue.version(view, before)
    second = catalogue.version(view, after or DECLARED)
    found = None if first is None else changes(first.document, second.document)
    sql = [] if first is None else sql_difference(first.document, second.document)
    _print_json(view, first, second, found, sql) if json else _show(view, first, second, found, sql)
    if exit_code and found != ():
        raise typer.Exit(DIFFERENT)


def _print_json(
    view: str, first: Version | None, second: Version, found: tuple[Change, ...] | None, sql: list[str]
) -> None:
    from mlinfra_assets.commands.output import print_json

    document: dict[str, Any] = {
        "view": view,
        "before": None if first is None else first.document.version,
        "after": second.document.version,
        "same": found == (),
        "changes": [change.to_dict() for change in found or ()],
        "sql": sql,
    }
    print_json(document)


def _show(view: str, first: Version | None, second: Version, found: tuple[Change, ...] | None, sql: list[str]) -> None:
    from mlinfra_assets.commands.change_text import change_lines
    from mlinfra_assets.commands.output import console

    out, version = console(), second.document.version
    if first is None or found is None:
        out.print(f"{view} is not registered yet: there is nothing to compare version {version} with.")
    elif not found:
        out.print(f"{view} {version}: the same.", style="green")
    else:
        out.print(f"{view}: {_named(first)} against {_named(second)}\n")
        out.print(change_lines(found))
    if sql:
        out.print("\n" + "\n".join(sql))


def _named(version: Version) -> str:
    return f"{version.document.version} ({'declared' if version.registered is None else 'registered'})"
