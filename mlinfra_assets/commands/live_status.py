"""`mlinfra live status`: what the updaters said of each live view, how far it is behind, and what it takes up."""

from __future__ import annotations

from dataclasses import asdict

from mlinfra_assets.commands.output import console, plain_table, print_json
from mlinfra_assets.settings import Settings

MICROS = 1_000_000


def show_status(settings: Settings, *, as_json: bool) -> None:
    """Write how the live views stand."""
    from mlinfra_assets.clock import HomeClock, to_micros
    from mlinfra_assets.feature_store.online.errors import NotLoadedError
    from mlinfra_assets.feature_store.online.lag import LiveLag
    from mlinfra_assets.feature_store.online.store import OnlineStore
    from mlinfra_assets.redis_server import connect

    client = connect(settings)
    lag, store = LiveLag(client), OnlineStore(client)
    now = to_micros(HomeClock(settings.home).now())
    partitions = lag.partitions()
    views: list[dict[str, object]] = []
    for state in lag.states():
        try:
            found, memory = store.tail(state.view).standing(), store.tail(state.view).memory()
        except NotLoadedError:
            found, memory = None, 0
        tail = found.tail if found is not None else None
        views.append(
            {
                **asdict(state),
                "told_seconds_ago": max(0, now - state.told_at) / MICROS,
                "tail_records": 0 if tail is None else tail.records,
                "tail_entities": 0 if tail is None else tail.entities,
                "tail_bytes": memory,
                "partitions": [asdict(one) for one in partitions if one.view == state.view],
            }
        )
    if as_json:
        print_json(views)
        return
    if not views:
        console().print("no updater has spoken of any view: start one with mlinfra live")
        return
    table = plain_table("view", "state", "version", "behind", "seconds", "tail", "bytes", "told")
    for view in views:
        own = [one for one in partitions if one.view == view["view"]]
        table.add_row(
            str(view["view"]),
            str(view["state"]),
            str(view["version"]),
            f"{sum(one.records for one in own):,}",
            f"{max((one.seconds for one in own), default=0.0):.3f}",
            f"{view['tail_records']:,}",
            f"{view['tail_bytes']:,}",
            f"{view['told_seconds_ago']:.0f} s ago",
        )
    console().print(table)
    for view in views:
        if view["why"]:
            console().print(f"{view['view']}: {view['why']}")
