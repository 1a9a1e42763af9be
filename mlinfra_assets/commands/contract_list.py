"""`mlinfra contract list`: the declared contracts, and the versions that were published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mlinfra_assets.commands.context import HomeOption, JsonOption
from mlinfra_assets.commands.contract_base import SourceArgument, chosen, publication

if TYPE_CHECKING:
    from mlinfra_assets.contracts.contract import Contract
    from mlinfra_assets.registry.publication import PublishedContract


def list_contracts(source: SourceArgument = None, home: HomeOption = None, json: JsonOption = False) -> None:
    """Every declared contract: its version, mode and owner, and every version that was published, by whom and when."""
    from mlinfra_assets.commands.output import print_json

    known = publication(home)
    rows = [_row(s.contract, known.published(s.name)) for s in chosen(source)]
    print_json(rows) if json else _show(rows)


def _row(contract: Contract, published: list[PublishedContract]) -> dict[str, Any]:
    fingerprints = [one.entry.version for one in published]
    state = "published" if contract.fingerprint in fingerprints else "changed" if published else "not published"
    return {
        "source": contract.name,
        "declared": contract.version,
        "fingerprint": contract.fingerprint,
        "compatibility": contract.compatibility,
        "owner": contract.owner,
        "protected": [f.name for f in contract.fields if f.protected],
        "state": state,
        "published": [
            {
                "version": one.contract.version,
                "fingerprint": one.entry.version,
                "compatibility": one.contract.compatibility,
                "at": one.entry.registered_at.isoformat(),
                "by": one.entry.registered_by,
                "run_id": one.entry.run_id,
            }
            for one in published
        ],
    }


def _show(rows: list[dict[str, Any]]) -> None:
    from mlinfra_assets.commands.output import console, plain_table

    table = plain_table("source", "declared", "compatibility", "published", whole=("source", "declared"))
    for row in rows:
        versions = [f"{p['version']} on {p['at'][:10]} by {p['by'] or 'nobody known'}" for p in row["published"]]
        table.add_row(row["source"], row["declared"], row["compatibility"], "\n".join([row["state"], *versions]))
    console().print(table)
