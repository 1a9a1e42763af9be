"""`mlinfra contract publish`: make declared contracts the ones in force."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption, settings_for
from mlinfra_assets.commands.contract_base import SourceArgument, chosen, publication
from mlinfra_assets.commands.contract_check import REFUSED, verdict_lines, verdict_row

if TYPE_CHECKING:
    from mlinfra_assets.registry.registration import Registration


def publish(source: SourceArgument = None, home: HomeOption = None, json: JsonOption = False) -> None:
    """Publish the declared contracts in the lake, each if it may follow what is published and its version says so.

    Ends with 1 if one is refused; the others are published all the same. A contract that differs in words alone needs
    no publishing: its rules are published already.
    """
    from mlinfra_assets.commands.output import print_json

    known, registration = publication(home), _registration(settings_for(home).home)
    rows: list[dict[str, Any]] = []
    refused = False
    for one in chosen(source):
        contract, verdict = one.contract, known.judge(one.contract)
        if verdict.compatible and verdict.version_problem is None:
            new = known.publish(contract, registration)
            line = f"{contract.name} {contract.version}: {'published' if new else 'is published already'}"
        else:
            new, refused = False, True
            line = "\n".join(verdict_lines(contract, verdict))
        rows.append({**verdict_row(contract, verdict), "published": new})
        if not json:
            sys.stdout.write(line + "\n")
    if json:
        print_json(rows)
    if refused:
        raise typer.Exit(REFUSED)


def _registration(home: Path) -> Registration:
    from mlinfra_assets.clock import HomeClock
    from mlinfra_assets.code_version import code_version
    from mlinfra_assets.registry.author import author
    from mlinfra_assets.registry.registration import Registration

    return Registration(HomeClock(home).now(), f"command-{uuid4().hex}", author(), code_version())
