"""The lake's side of the API, composed for the commands that serve it."""

from __future__ import annotations

from functools import cache

from mlinfra_assets.clock import Clock
from mlinfra_assets.serving.lake_side import LakeSide
from mlinfra_assets.settings import Settings


def open_lake_side(settings: Settings, clock: Clock, kept: Clock) -> LakeSide:
    """What the API asks of the lake; nothing of it is opened before it is asked for.

    Args:
        settings: Where the lake and the home are.
        clock: What "now" is.
        kept: Says when training sets expire: the machine's time, also where "now" is chosen.
    """
    from mlinfra_assets.audit.replays import LakeReplays
    from mlinfra_assets.catalogue.lake_catalogue import open_lake_catalogue
    from mlinfra_assets.commands.sources import declared_sources
    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.retrieval.store import open_store
    from mlinfra_assets.training_sets.jobs import TrainingSetJobs

    store = cache(lambda: open_store(settings))
    replays = LakeReplays(Lake(settings.lake), declared_sources(), settings.max_payload_bytes)
    return LakeSide(TrainingSetJobs(settings, store, kept), open_lake_catalogue(settings, clock), replays)
