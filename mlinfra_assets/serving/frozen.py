"""What an answer says of views whose breaker is open: the last good values are served, and how old they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from mlinfra_assets.feature_store.online.fetched import Fetched
from mlinfra_assets.feature_store.online.frozen import OpenBreaker
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.online.vector import OnlineVector
from mlinfra_assets.serving.answers import time

HEADER = "x-mlinfra-frozen"
MICROS = 1_000_000


def frozen_views(store: OnlineStore, vectors: Mapping[str, OnlineVector], t: int) -> dict[str, dict[str, object]]:
    """The views among these that an open breaker freezes; empty if all goes on.

    Args:
        store: Knows the open breakers.
        vectors: What each view answered for any entity.
        t: The moment of the answer, microseconds since 1970 UTC.
    """
    return frozen_among(store.breakers.all(), vectors, t)


def frozen_among(
    opened: Mapping[str, OpenBreaker], views: Mapping[str, OnlineVector | Fetched], t: int
) -> dict[str, dict[str, object]]:
    """As `frozen_views`, by the breakers that are open, by subject."""
    found = {view: of_view(opened, view, fed.watermark) for view, fed in views.items()} if opened else {}
    return {
        view: {
            "breakers": breakers,
            "known_up_to": time(views[view].epoch),
            "age_seconds": max(0, t - views[view].epoch) / MICROS,
        }
        for view, breakers in found.items()
        if breakers
    }


def of_view(opened: Mapping[str, OpenBreaker], view: str, sources: Iterable[str]) -> dict[str, dict[str, str]]:
    """The open breakers that a view depends on, by subject: its own, and those of the sources that it was fed."""
    wanted = [f"view/{view}", *(f"source/{source}" for source in sorted(sources))]
    return {
        subject: {"since": time(opened[subject].since), "by": opened[subject].by, "why": opened[subject].why}
        for subject in wanted
        if subject in opened
    }


def headers(frozen: Mapping[str, object]) -> dict[str, str]:
    """The header that names frozen views; none if there are none."""
    return {HEADER: ", ".join(sorted(frozen))} if frozen else {}
