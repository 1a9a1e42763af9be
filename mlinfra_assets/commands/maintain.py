"""`mlinfra maintain`: what the maintenance assets do on a schedule, by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, existing

if TYPE_CHECKING:
    from mlinfra_assets.maintenance.maintain import TableReport


def maintain(
    tables: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TABLE]...", help="Tables, such as raw/order_lines. Default: all.", show_default=False),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Change nothing, and say what would be done.")] = False,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Merge small files, checkpoint logs, remove files that no readable version needs."""
    from mlinfra_assets.commands.output import print_json
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.maintenance import maintain as maintenance

    settings = existing(home)
    lake = Lake(settings.lake)
    run_id = f"maintain-{uuid4().hex}"
    found = maintenance.maintain(lake, tables or lake.tables(), settings.table_retention, run_id, dry_run=dry_run)
    if json:
        print_json({"dry_run": dry_run, "tables": [one.to_dict() for one in found]})
    else:
        _show(found, dry_run=dry_run)


def _show(found: list[TableReport], *, dry_run: bool) -> None:
    from mlinfra_assets.commands.output import console, plain_table

    counts = ("files", "merged", "removed", "oldest")
    table = plain_table("table", *counts, right=counts)
    for one in found:
        files = str(one.before.files) if dry_run else f"{one.before.files} > {one.after.files}"
        table.add_row(one.table, files, str(one.merged), str(one.removed), str(one.oldest_readable))
    out = console()
    out.print(table)
    kept = [(one.table, pin) for one in found for pin in one.pinned]
    for name, pin in kept:
        out.print(f"{name} version {pin.version} is kept: {pin.why}")
    done = "would be" if dry_run else "were"
    merged, removed = sum(one.merged for one in found), sum(one.removed for one in found)
    out.print(f"{merged:,} small files {done} merged, {removed:,} old files {done} removed.")
    out.print("oldest: this version of the table and all later ones can be read.")
