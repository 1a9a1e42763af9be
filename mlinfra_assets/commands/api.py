"""`mlinfra api`: the HTTP API by itself, and the keys that it asks for."""

from __future__ import annotations

import typer

from mlinfra_assets.commands import api_key
from mlinfra_assets.commands.context import HomeOption, begin

app = typer.Typer(
    help="Serve the API by itself until Ctrl-C; or, with `key`, say who may call it.",
    invoke_without_command=True,
    rich_markup_mode=None,
)
app.add_typer(api_key.app, name="key", short_help="API keys: make, list, revoke.")


@app.callback()
def api(context: typer.Context, home: HomeOption = None) -> None:
    """Serve features and predictions over HTTP until Ctrl-C."""
    if context.invoked_subcommand is None:
        _serve(home)


def _serve(home: HomeOption) -> None:
    settings, _ = begin(home)
    from mlinfra_assets.clock import HomeClock, SystemClock
    from mlinfra_assets.commands.lake_side import open_lake_side
    from mlinfra_assets.contracts.declaration import load_sources
    from mlinfra_assets.datasets import SOURCES
    from mlinfra_assets.feature_store.online.store import OnlineStore
    from mlinfra_assets.redis_server import connect
    from mlinfra_assets.serving.api import create_app
    from mlinfra_assets.serving.intake import Intake
    from mlinfra_assets.serving.kept_answers import KeptAnswers
    from mlinfra_assets.serving.server import ApiServer
    from mlinfra_assets.streams.opening import open_log

    clock, client = HomeClock(settings.home), connect(settings)
    sources = load_sources(SOURCES)
    intake = Intake(
        sources,
        lambda ingest: open_log(settings, ingest.system),
        clock,
        KeptAnswers(client, settings.api_idempotency_hours),
        settings.max_payload_bytes,
    )
    lake = open_lake_side(settings, clock, SystemClock())
    try:
        app = create_app(OnlineStore(client), open_log(settings), clock, settings, intake=intake, lake=lake)
        ApiServer(app, settings.api_host, settings.api_port).run()
    finally:
        lake.training_sets.close()
