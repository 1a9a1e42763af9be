"""Notices what happened to breakers: shows it in the UI, tells Redis, asks for what was frozen once it may go on."""

from collections.abc import Mapping, Sequence

import dagster as dg

from mlinfra_assets.breakers.breaker import Breaker
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.freezing import FROZEN_TAG, breaker_evaluation
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.publishing.mirror import mirror_breakers
from resources.lake import LakeResource
from resources.redis import OnlineStoreResource
from sensors.progress import TAG

NAME = "breakers"
LOOK_BACK = 200
"""Most observations of an asset that are looked through for what was frozen."""


def breakers_sensor(depends: Mapping[tuple[str, ...], Sequence[str]]) -> dg.SensorDefinition:
    """The sensor of all breakers.

    Args:
        depends: The breakers that an asset depends on, by the asset's key.
    """

    @dg.sensor(
        name=NAME,
        target=dg.AssetSelection.assets(*map(dg.AssetKey, depends)),
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Shows open breakers as failed checks on processed/<source> and features/<view>, tells Redis of "
        "them, and asks for what they froze once they are not open any more.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, lake: LakeResource, online_store: OnlineStoreResource
    ) -> dg.SensorResult | dg.SkipReason:
        opened = lake.open()
        said = _tell_redis(opened, online_store)
        log = BreakerLog(opened)
        told = int(context.cursor or 0)
        news = [event for event in log.events() if event.number > told]
        breakers = log.breakers()
        opens = [breaker for breaker in breakers.values() if breaker.is_open]
        if not news:
            state = "; ".join(breaker.reason for breaker in opens) or "no breaker is open"
            return dg.SkipReason(f"{state}{said}")
        changed = sorted({event.subject for event in news})
        freed = [subject for subject in changed if not breakers[subject].is_open]
        return dg.SensorResult(
            run_requests=_requests(context.instance, depends, freed, opens),
            asset_events=[breaker_evaluation(breakers[subject]) for subject in changed],
            cursor=str(news[-1].number),
        )

    return sensor


def _tell_redis(lake: Lake, online_store: OnlineStoreResource) -> str:
    try:
        mirror_breakers(lake, online_store.open())
    except MlinfraError as error:
        return f"; Redis cannot be told: {error}"
    return ""


def _requests(
    instance: dg.DagsterInstance,
    depends: Mapping[tuple[str, ...], Sequence[str]],
    freed: Sequence[str],
    opens: Sequence[Breaker],
) -> list[dg.RunRequest]:
    """What was frozen by breakers that are open no more, and by no other that still is."""
    still = {breaker.subject for breaker in opens}
    found = [
        (dg.AssetKey(key), partition)
        for key, subjects in depends.items()
        if set(subjects) & set(freed) and not set(subjects) & still
        for partition in _frozen(instance, dg.AssetKey(key))
    ]
    whole = [key for key, partition in found if partition is None]
    requests = [dg.RunRequest(asset_selection=whole, tags={TAG: NAME})] if whole else []
    days = sorted({partition for _, partition in found if partition is not None})
    return requests + [
        dg.RunRequest(
            asset_selection=[key for key, partition in found if partition == day], partition_key=day, tags={TAG: NAME}
        )
        for day in days
    ]


def _frozen(instance: dg.DagsterInstance, key: dg.AssetKey) -> list[str | None]:
    """Partitions of an asset (None: all of it) that were to be made, were not, and have not been since."""
    waiting: dict[str | None, int] = {}
    for record in instance.fetch_observations(key, limit=LOOK_BACK).records:
        seen = record.asset_observation
        if seen is not None and FROZEN_TAG in (seen.tags or {}):
            waiting.setdefault(seen.partition, record.storage_id)
    made = {partition: _newest(instance, key, partition) for partition in waiting}
    return [partition for partition, storage_id in waiting.items() if made[partition] < storage_id]


def _newest(instance: dg.DagsterInstance, key: dg.AssetKey, partition: str | None) -> int:
    records = instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=key, asset_partitions=None if partition is None else [partition]), limit=1
    ).records
    return records[0].storage_id if records else -1
