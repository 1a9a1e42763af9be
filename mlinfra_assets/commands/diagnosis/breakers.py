"""The circuit breakers that are not closed."""

from __future__ import annotations

from collections.abc import Iterator

from mlinfra_assets.commands.diagnosis.finding import Finding, State, broken
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.settings import Settings


def breakers(settings: Settings) -> Iterator[Finding]:
    """Each breaker that is open or half open, with why."""
    from mlinfra_assets.breakers.log import BreakerLog
    from mlinfra_assets.lake.lake import Lake

    area = "Breakers"
    try:
        found = BreakerLog(Lake(settings.lake)).breakers().values()
    except (MlinfraError, OSError) as error:
        yield broken(area, "registry/breakers", error)
        return
    waiting = [breaker for breaker in found if breaker.state != "closed"]
    if not waiting:
        yield Finding(area, "all", "closed")
    for breaker in waiting:
        since = "" if breaker.since is None else f" since {breaker.since:%Y-%m-%d %H:%M}"
        remedy = f"mlinfra breaker show {breaker.subject}"
        yield Finding(area, breaker.subject, f"{breaker.state}{since}: {breaker.why}", State.NOTE, remedy)
