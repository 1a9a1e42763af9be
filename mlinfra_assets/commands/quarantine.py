"""`mlinfra quarantine`: what broke a contract, and the way back."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
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

    found = _quarantine(existing(home)).list(source)
    if not released:
        found = found.filter(pl.col("released").is_null())
    if json:
        _print_json(_shown(found.to_dicts(), personal=personal))
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

    from mlinfra_assets.contracts.held import Position

    held = _quarantine(existing(home)).show(source, Position.parse(position))
    (row,) = _shown([asdict(held)], personal=personal)
    if json:
        _print_json(row)
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
    position: PositionArgument,
    why: Annotated[str, typer.Option(help="The reason; it is kept with the release.")],
    by: Annotated[str | None, typer.Option(help="Who decides. Default: the user's name.", show_default=False)] = None,
    changes: Annotated[
        list[str] | None,
        typer.Option("--set", help="field=value: a correction; value `null` for none. May be repeated."),
    ] = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Let a record in, as it was or corrected, if it then keeps the contract."""
    from dataclasses import asdict

    from mlinfra_assets.contracts.held import Position

    quarantine = _quarantine(existing(home))
    decided = quarantine.release(
        source, Position.parse(position), by or getpass.getuser(), why, parse_changes(changes or [])
    )
    if json:
        _print_json(asdict(decided))
    else:
        sys.stdout.write(
            f"release {decided.number} of {source}: {decided.position}, by {decided.released_by}\n"
            f"The next run of processed/{source} takes it in; it counts as known from "
            f"{decided.released_at.isoformat()} on.\n"
        )


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
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console(file=sys.stdout, width=None if sys.stdout.isatty() else 80, highlight=False, markup=False)
    if found.is_empty():
        console.print("Nothing is held in quarantine.")
        return
    table = Table("source", "position", "why", box=box.SIMPLE_HEAD, pad_edge=False)
    table.columns[0].overflow = table.columns[1].overflow = "fold"
    for row in found.head(limit).iter_rows(named=True):
        why = "; ".join(f"{r['field'] or 'record'}: {r['message']}" for r in row["reasons"])
        mark = "" if row["released"] is None else f" (release {row['released']})"
        position = f"{row['_partition']}:{row['_offset']}:{row['_row']}"
        table.add_row(row["source"], position + mark, why)
    console.print(table)
    counts = ", ".join(f"{n:,} of {source}" for source, n in found.group_by("source").len().sort("source").iter_rows())
    hidden = found.height - limit
    more = f"; {hidden:,} more with --limit {found.height}" if hidden > 0 else ""
    console.print(f"{counts}{more}. One in full: mlinfra quarantine show SOURCE POSITION", soft_wrap=False)


def _print_json(value: object) -> None:
    import orjson

    sys.stdout.write(orjson.dumps(value, option=orjson.OPT_INDENT_2, default=str).decode() + "\n")
