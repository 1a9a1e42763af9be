"""Which breakers are open, told to Redis: the API says so with what it goes on serving, and does not know the lake."""

from __future__ import annotations

from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.online.frozen import OpenBreaker
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.lake.lake import Lake


def mirror_breakers(lake: Lake, store: OnlineStore) -> None:
    """Bring Redis up to the breakers' newest event; older ones never replace what newer ones said.

    Raises:
        UnavailableError: Redis cannot be reached.
    """
    log = BreakerLog(lake)
    events = log.events()
    opened = {
        breaker.subject: OpenBreaker(
            since=0 if breaker.since is None else to_micros(breaker.since), by=breaker.by, why=breaker.why
        )
        for breaker in log.breakers().values()
        if breaker.is_open
    }
    store.breakers.put(events[-1].number if events else 0, opened)
