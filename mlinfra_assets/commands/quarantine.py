"""`mlinfra quarantine`: what broke a contract, and the way back."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, existing
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.settings import Settings

if TYPE_CHECKING:
    import polars as pl

    from mlinfra_assets.contracts.quarantine import Quarantine

app = typer.Typer(
    help="Records that broke a contract: what is held, why, and how to let it in.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
SourceArgument = Annotated[str, typer.Argument(help="Name of the source, such as order_lines.")]
PersonalOption = Annotated[
    bool, typer.Option("--personal", help="Also the values of protected fields; by default they are left out.")
]
PositionArgument = Annotated[str, typer.Argument(help="partition:offset:row, as `list` shows it.")]


@app.command("list")
def list_held(
    source: Annotated[str | None, typer.Argument(help="Name of a source. Default: all.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most records to show.")] = 20,
    released: Annotated[bool, typer.Option("--released", help="Also those that were let in.")] = False,
    personal: PersonalOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """What is held, and why."""
    import polars as pl

    from mlinfra_assets.commands.output import print_json

    found = _quarantine(existing(home)).list(source)
    if not released:
        found = found.filter(pl.col("released").is_null())
    if json:
        print_json(_shown(found.to_dicts(), personal=personal))
    else:
        _show_list(found, limit)


@app.command("show")
def show_held(
    source: SourceArgument,
    position: PositionArgument,
    personal: PersonalOption = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """One record with every rule that it breaks."""
    from dataclasses import asdict

    from mlinfra_assets.commands.output import print_json
    from mlinfra_assets.contracts.held import Position

    held = _quarantine(existing(home)).show(source, Position.parse(position))
    (row,) = _shown([asdict(held)], personal=personal)
    if json:
        print_json(row)
        return
    state = "held" if held.released is None else f"let in by release {held.released}"
    lines = [f"{held.source} {held.position}: {state}; known at {held.known_at.isoformat()}"]
    for reason in row["reasons"]:
        value = "" if reason["value"] is None else f" = {reason['value']!r}"
        lines.append(f"  {reason['field'] or 'record'}{value}: {reason['message']} ({reason['rule']})")
    lines.append(row["record"] or "  (it cannot be decoded; raw keeps its bytes)")
    sys.stdout.write("\n".join(lines) + "\n")


@app.command("release")
def release(
    source: SourceArgument,
    why: Annotated[str, typer.Option(help="The reason; it is kept with the release.")],
    position: Annotated[
        str | None, typer.Argument(help="partition:offset:row of one record, as `list` shows it.", show_default=False)
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who decides. Default: the user's name.", show_default=False)] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="field=value: a correction; value `null` for none. May be repeated."),
    ] = None,
    record: Annotated[
        str | None, typer.Option(help="The whole record as JSON, instead of --set.", show_default=False)
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option(
            "--from", help="Many: JSON lines of position and record, or position and set.", show_default=False
        ),
    ] = None,
    reason: Annotated[
        str | None,
        typer.Option(help="Many: all that are held for this, as `list` writes it: field: rule.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would pass, and release nothing.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Let records in, as they were or corrected, if they then keep the contract; others stay, and are named."""
    from mlinfra_assets.commands.releasing import corrections_of, show_outcome

    quarantine = _quarantine(existing(home))
    asked = corrections_of(quarantine, source, position, parse_changes(changes or []), record, file, reason)
    outcome = quarantine.correct(source, asked, by or getpass.getuser(), why, dry_run=dry_run)
    show_outcome(source, outcome, single=position is not None, dry_run=dry_run, json=json)


def label(reason: Mapping[str, str | None]) -> str:
    """A reason in short, as `--reason` takes it: `field: rule`."""
    return f"{reason['field'] or 'record'}: {reason['rule']}"


def parse_changes(changes: Sequence[str]) -> dict[str, str]:
    """`field=value` texts as a dictionary.

    Raises:
        InvalidInputError: A text has no field, or a field comes twice.
    """
    parsed: dict[str, str] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name.strip():
            raise InvalidInputError(f"--set {change!r} is no correction: write field=value, such as quantity=12")
        if name.strip() in parsed:
            raise InvalidInputError(f"--set names {name.strip()!r} twice: give each field once")
        parsed[name.strip()] = value
    return parsed


def _shown(rows: Sequence[dict[str, Any]], *, personal: bool) -> list[dict[str, Any]]:
    """Quarantined records as they may be shown to anybody, or with all that they hold."""
    from mlinfra_assets.commands.sources import declared_sources
    from mlinfra_assets.contracts.protected import shown_reason, shown_record

    if personal:
        return list(rows)
    contracts = {name: source.contract for name, source in declared_sources().items()}
    return [
        {
            **row,
            "reasons": [shown_reason(contracts[row["source"]], reason) for reason in row["reasons"]],
            "record": shown_record(contracts[row["source"]], row["record"]),
        }
        for row in rows
    ]


def _quarantine(settings: Settings) -> Quarantine:
    from mlinfra_assets.clock import HomeClock
    from mlinfra_assets.code_version import code_version
    from mlinfra_assets.commands.sources import declared_sources
    from mlinfra_assets.connectors.schema_registry import SchemaRegistry
    from mlinfra_assets.contracts.quarantine import Quarantine
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.lake.provenance import Provenance

    return Quarantine(
        Lake(settings.lake),
        declared_sources(),
        HomeClock(settings.home),
        Provenance(run_id=f"command-{uuid4().hex}", code_version=code_version()),
        settings.max_payload_bytes,
        SchemaRegistry.of(settings),
    )


def _show_list(found: pl.DataFrame, limit: int) -> None:
    from mlinfra_assets.commands.output import console, plain_table

    out = console()
    if found.is_empty():
        out.print("Nothing is held in quarantine.")
        return
    table = plain_table("source", "position", "why")
    said: dict[str, str] = {}
    for row in found.head(limit).iter_rows(named=True):
        for reason in row["reasons"]:
            said.setdefault(label(reason), reason["message"])
        mark = "" if row["released"] is None else f" (release {row['released']})"
        position = f"{row['_partition']}:{row['_offset']}:{row['_row']}"
        table.add_row(row["source"], position + mark, "; ".join(map(label, row["reasons"])))
    out.print(table)
    meanings = plain_table("why", "means")
    for why, message in said.items():
        meanings.add_row(why, message)
    out.print(meanings)
    counts = ", ".join(f"{n:,} of {source}" for source, n in found.group_by("source").len().sort("source").iter_rows())
    hidden = found.height - limit
    more = f"; {hidden:,} more with --limit {found.height}" if hidden > 0 else ""
    out.print(f"{counts}{more}. One in full: mlinfra quarantine show SOURCE POSITION", soft_wrap=False)
