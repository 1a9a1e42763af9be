"""`mlinfra contract`: what is published, what a change would break, and publishing it."""

from __future__ import annotations

import typer

from mlinfra_assets.commands import contract_check, contract_diff, contract_list, contract_publish

app = typer.Typer(
    help="Contracts of sources: published versions, what changed, and whether a change is compatible.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("list", short_help="Every source's contract, and its published versions.")(contract_list.list_contracts)
app.command("check", short_help="Whether the declared contracts may be published; for CI.")(contract_check.check)
app.command("diff", short_help="What differs between a declared contract and a published one.")(contract_diff.diff)
app.command("publish", short_help="Publish declared contracts that are compatible.")(contract_publish.publish)
