"""`mlinfra models`: which versions there are, which one answers, and how to change that."""

from __future__ import annotations

import typer

from mlinfra_assets.commands import models_promote, models_show

app = typer.Typer(
    help="Models: versions, what is in production since when, how it does, promotion and rollback.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("list", short_help="Every model with the version in production.")(models_show.list_models)
app.command("show", short_help="One model: versions, promotions, checks, whether to train again.")(
    models_show.show_model
)
app.command("promote", short_help="Put a version into production, in one step.")(models_promote.promote)
app.command("rollback", short_help="Put the version before this one back, in one step.")(models_promote.rollback)
