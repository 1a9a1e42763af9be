"""`mlinfra contract diff`: what a declared contract changes, and which readers that breaks."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption
from mlinfra_assets.commands.contract_base import AgainstOption, Base, BaseOption, chosen

if TYPE_CHECKING:
    from mlinfra_assets.contracts.compatibility import Refusal
    from mlinfra_assets.contracts.contract import Contract
    from mlinfra_assets.registry.change import Change


def diff(
    source: Annotated[str, typer.Argument(help="Name of a source.")],
    against: AgainstOption = None,
    base: BaseOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """What differs between a declared contract and the newest published one, and what either way of reading breaks.

    BACKWARD: the declared contract reads what was written under the published one. FORWARD: the other way round. The
    contract's mode says which of them it promises; here both are shown.
    """
    from mlinfra_assets.commands.output import print_json
    from mlinfra_assets.contracts.canonical import to_dict
    from mlinfra_assets.contracts.compatibility import refusals
    from mlinfra_assets.registry.contract_diff import contract_changes

    contract = chosen(source)[0].contract
    before = Base(home, base).published(source, against)
    old = before[-1] if before else None
    changes = [] if old is None else list(contract_changes(source, to_dict(old), to_dict(contract)))
    broken = [] if old is None else refusals(contract, old, ("BACKWARD", "FORWARD"))
    if json:
        print_json(_row(contract, old, changes, broken))
    else:
        sys.stdout.write("\n".join(_lines(contract, old, changes, broken)) + "\n")


def _row(contract: Contract, old: Contract | None, changes: list[Change], broken: list[Refusal]) -> dict[str, Any]:
    return {
        "source": contract.name,
        "before": None if old is None else old.version,
        "after": contract.version,
        "changes": [{"what": c.name, "before": c.before, "after": c.after} for c in changes],
        "refusals": [refusal.to_dict() for refusal in broken],
    }


def _lines(contract: Contract, old: Contract | None, changes: list[Change], broken: list[Refusal]) -> list[str]:
    if old is None:
        return [f"{contract.name} {contract.version}: nothing is published yet"]
    if not changes:
        return [f"{contract.name} {contract.version}: the same as {old.version}"]
    lines = [f"{contract.name}: {old.version} against {contract.version}"]
    for change in changes:
        if change.before is None:
            lines.append(f"  + {change.name}: {change.after}")
        elif change.after is None:
            lines.append(f"  - {change.name}: {change.before}")
        else:
            lines.append(f"  ~ {change.name}: {change.before} -> {change.after}")
    for direction in ("BACKWARD", "FORWARD"):
        found = [refusal for refusal in broken if refusal.direction == direction]
        lines.append(f"{direction}: {'compatible' if not found else 'not compatible'}")
        lines += [f"  {refusal.reason.field or 'the contract'}: {refusal.reason.message}" for refusal in found]
    return lines
