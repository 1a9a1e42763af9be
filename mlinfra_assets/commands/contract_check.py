"""`mlinfra contract check`: whether declared contracts may follow those before, for a person and for CI."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import typer

from mlinfra_assets.commands.context import HomeOption, JsonOption
from mlinfra_assets.commands.contract_base import AgainstOption, Base, BaseOption, SourceArgument, chosen

if TYPE_CHECKING:
    from mlinfra_assets.contracts.compatibility import Verdict
    from mlinfra_assets.contracts.contract import Contract

REFUSED = 1


def check(
    source: SourceArgument = None,
    against: AgainstOption = None,
    base: BaseOption = None,
    home: HomeOption = None,
    json: JsonOption = False,
) -> None:
    """Whether the declared contracts are compatible with the published ones, and their versions raised far enough.

    Ends with 1 if one is not: each field, the reason, and the nearest change that would be. With `--base` no lake is
    needed: another revision's files say what came before.
    """
    from mlinfra_assets.commands.output import print_json
    from mlinfra_assets.contracts.compatibility import judge

    known = Base(home, base)
    found = [(s.contract, judge(s.contract, known.published(s.name, against))) for s in chosen(source)]
    if json:
        print_json([verdict_row(contract, verdict) for contract, verdict in found])
    else:
        for contract, verdict in found:
            sys.stdout.write("\n".join(verdict_lines(contract, verdict)) + "\n")
    if any(not verdict.compatible or verdict.version_problem for _, verdict in found):
        raise typer.Exit(REFUSED)


def verdict_row(contract: Contract, verdict: Verdict) -> dict[str, Any]:
    """One contract's verdict, JSON-ready."""
    return {
        "source": contract.name,
        "version": contract.version,
        "fingerprint": contract.fingerprint,
        "against": verdict.against,
        "compatibility": verdict.mode,
        "compatible": verdict.compatible,
        "refusals": [refusal.to_dict() for refusal in verdict.refusals],
        "asks": verdict.asks,
        "version_problem": verdict.version_problem,
    }


def verdict_lines(contract: Contract, verdict: Verdict) -> list[str]:
    """One contract's verdict for a person."""
    name = f"{contract.name} {contract.version}"
    if verdict.against is None:
        return [f"{name}: the first version, nothing to compare with"]
    follows = f"{verdict.against} ({verdict.mode})"
    if not verdict.compatible:
        lines = [f"{name}: REFUSED, may not follow {follows}"]
        for refusal in verdict.refusals:
            lines += [f"  {refusal}", f"    instead: {refusal.instead}"]
        return lines
    if verdict.version_problem:
        return [f"{name}: REFUSED, {verdict.version_problem}"]
    change = "the same" if verdict.asks == "none" else f"compatible, a {verdict.asks} change"
    return [f"{name}: {change}, follows {follows}"]
