"""`mlinfra features show`: one version of a feature view, in words."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, settings_for

ViewArgument = Annotated[str, typer.Argument(help="Name of the feature view.", metavar="VIEW", show_default=False)]


def show_view(
    view: ViewArgument,
    version: Annotated[
        str | None,
        typer.Option(
            help="A registered version, or its first digits; `declared` or `newest`. Default: the declared one.",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """One version of a view: each feature in words, what it rests on, where its rows come from, who uses it."""
    from mlinfra_assets.catalogue.view_json import described
    from mlinfra_assets.catalogue.views import open_catalogue
    from mlinfra_assets.commands.output import print_json

    catalogue = open_catalogue(settings_for(home))
    found = catalogue.version(view, version)
    document = described(catalogue, found)
    print_json(document) if json else _show(document)


def _show(shown: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from mlinfra_assets.commands.output import console, plain_table

    out = console()
    out.print(Text(shown["view"], style="bold").append(f"  version {shown['version']}", style="not bold"))
    out.print(_state(shown), style="dim")
    if shown["description"]:
        out.print("\n" + shown["description"])
    facts = Table.grid(padding=(0, 2))
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in _facts(shown):
        facts.add_row(Text(name, style="dim"), value)
    out.print()
    out.print(facts)
    table = plain_table("feature", "type", "computed as")
    for feature in shown["features"]:
        table.add_row(feature["feature"], feature["type"], feature["expression"])
    out.print()
    out.print(table)
    way = plain_table("from", "what it holds")
    for step in shown["lineage"]:
        way.add_row(step["asset"], step["holds"])
    out.print()
    out.print(way)


def _state(shown: dict[str, Any]) -> str:
    if shown["registered_at"] is None:
        return "declared; not registered yet: its first snapshot or push does it"
    by = f" by {shown['registered_by']}" if shown["registered_by"] else ""
    state = "declared; registered" if shown["declared"] else "not what is declared; registered"
    return f"{state} {shown['registered_at']:%Y-%m-%d %H:%M} UTC{by}, run {shown['run_id']}"


def _facts(shown: dict[str, Any]) -> list[tuple[str, str]]:
    from mlinfra_assets.feature_store.duration import format_duration

    dataset, ttl = shown["dataset"], shown["ttl_us"]
    columns = ", ".join(f"{name} {kind}" for name, kind in dataset["columns"].items())
    used = "\n".join(_user(use, len(shown["features"])) for use in shown["used_by"])
    facts = [
        ("entities", ", ".join(entity["name"] for entity in shown["entities"])),
        ("keys", ", ".join(f"{name} {kind}" for name, kind in shown["keys"].items())),
        ("ttl", "any age" if ttl is None else f"{format_duration(ttl)} after an entity's latest row"),
        ("served", "online and in batch" if shown["online"] else "in batch"),
        ("deprecated", shown["deprecated"]),
        ("owner", shown["owner"]),
        ("tags", ", ".join(f"{name}={value}" for name, value in shown["tags"].items())),
        ("dataset", f"{dataset['name']}, table {dataset['table']}"),
        ("request", ", ".join(f"{name} {kind}" for name, kind in shown["request"].items())),
        ("uses", "\n".join(f"view {name}: {version}" for name, version in shown["uses"].items())),
        ("primary key", ", ".join(dataset["primary_key"])),
        ("deletes", dataset["deletes"]),
        ("columns", columns),
        ("rests on", "\n".join(f"{name}: {fingerprint}" for name, fingerprint in shown["rests_on"].items())),
        ("scores of", ", ".join(f"model {model}" for model in shown["scores_of"])),
        ("used by", used or "nobody yet"),
    ]
    return [(name, value) for name, value in facts if value]


def _user(use: dict[str, Any], features: int) -> str:
    count = len(use["features"])
    share = "all features" if count == features else f"{count} of {features} features"
    return f"{use['kind']} {use['name']}: {share}"
