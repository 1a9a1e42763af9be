"""`mlinfra api`: the HTTP API by itself."""

from __future__ import annotations

from mlinfra_assets.commands.context import HomeOption, begin


def api(home: HomeOption = None) -> None:
    """Serve features and predictions over HTTP until Ctrl-C."""
    settings, _ = begin(home)
    from mlinfra_assets.clock import HomeClock
    from mlinfra_assets.feature_store.online.store import OnlineStore
    from mlinfra_assets.redis_server import connect
    from mlinfra_assets.serving.api import create_app
    from mlinfra_assets.serving.server import ApiServer
    from mlinfra_assets.streams.opening import open_log

    app = create_app(OnlineStore(connect(settings)), open_log(settings), HomeClock(settings.home), settings)
    ApiServer(app, settings.api_host, settings.api_port).run()
