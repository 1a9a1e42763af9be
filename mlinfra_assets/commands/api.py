"""`mlinfra api`: the HTTP API by itself."""

from __future__ import annotations

import ipaddress

from mlinfra_assets.commands.context import HomeOption, begin
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.settings import Settings


def api(home: HomeOption = None) -> None:
    """Serve features and predictions over HTTP."""
    settings, _ = begin(home)
    refuse_open_door(settings)
    import uvicorn

    from mlinfra_assets.clock import HomeClock
    from mlinfra_assets.feature_store.online.store import OnlineStore
    from mlinfra_assets.redis_server import connect
    from mlinfra_assets.serving.api import create_app
    from mlinfra_assets.streams.redis_log import RedisLog

    client = connect(settings)
    app = create_app(OnlineStore(client), RedisLog(client), HomeClock(settings.home), settings)
    uvicorn.run(app, host=settings.api_host, port=settings.api_port, log_level="warning", timeout_graceful_shutdown=10)


def refuse_open_door(settings: Settings) -> None:
    """Without keys the API answers this machine only.

    Raises:
        InvalidInputError: It would be reachable from elsewhere, and nobody would be asked for a key.
    """
    if settings.api_keys or _is_loopback(settings.api_host):
        return
    raise InvalidInputError(
        f"MLINFRA_API_HOST={settings.api_host} opens the API to other machines, and no key would be asked for: "
        "set MLINFRA_API_KEYS, or leave the host at 127.0.0.1"
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
