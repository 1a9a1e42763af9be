"""`mlinfra features`: what is declared, what is registered, what differs, and who uses it."""

from __future__ import annotations

import typer

from mlinfra_assets.commands import (
    features_diff,
    features_get,
    features_history,
    features_list,
    features_preview,
    features_show,
    features_unused,
)

app = typer.Typer(
    help="Feature views: what they say, which versions there are, what changed, and who uses them.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.command("list", short_help="Every feature view with its version and its users.")(features_list.list_views)
app.command("show", short_help="One view: each feature in words, and all that it rests on.")(features_show.show_view)
app.command("history", short_help="The versions of a view: when, by whom, what changed.")(features_history.history)
app.command("get", short_help="A training set, from a table of entities and times.")(features_get.get_features)
app.command("diff", short_help="What differs between two versions of a view.")(features_diff.diff)
app.command("unused", short_help="Features that no model, service or view takes.")(features_unused.unused)
app.command("preview", short_help="What the declared version would do: every value before and after.")(
    features_preview.preview
)
