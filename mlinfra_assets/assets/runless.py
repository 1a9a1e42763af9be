"""What a consumer did, told to Dagster without a run: the events that a run of the same assets would record."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import dagster as dg
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationTargetMaterializationData
from sqlalchemy.exc import SQLAlchemyError

from mlinfra_assets.assets.processed import CHECK, validated_results, waiting_result
from mlinfra_assets.assets.raw import landed_result, upstream_key
from mlinfra_assets.ingest.consumer import Consumed
from mlinfra_assets.ingest.processed import Validated
from mlinfra_assets.lake.lake import Lake

DATA_VERSION = "dagster/data_version"


@dataclass
class _Pending:
    """What is not told yet of a source."""

    batches: Consumed | None = None
    told_at: float = field(default=float("-inf"))
    waits: bool = False


class RunlessReports:
    """Reports of several sources, each at most once in a while. Used by one thread.

    Args:
        instance: Whom to tell.
        lake: Where the tables are.
        seconds: At least so much time between two reports of a source.
        consumer: Who did it, as commits name it; stands in the metadata.
    """

    def __init__(self, instance: dg.DagsterInstance, lake: Lake, seconds: float, consumer: str) -> None:
        self._instance = instance
        self._lake = lake
        self._seconds = seconds
        self._consumer = consumer
        self._pending: dict[str, _Pending] = {}
        self._failing = False

    def add(self, batch: Consumed) -> None:
        """Take in a batch; one that opens the breaker, and the first one whose validation waits, is due at once."""
        pending = self._pending.setdefault(batch.source.name, _Pending())
        pending.batches = batch if pending.batches is None else _together(pending.batches, batch)
        if (batch.validated is not None and batch.validated.held) or (batch.waits and not pending.waits):
            pending.told_at = float("-inf")
        pending.waits = batch.waits is not None

    def tell_due(self) -> str | None:
        """Tell what has waited long enough; what cannot be told now is told later.

        Returns:
            Why it could not be told, the first time that it could not.
        """
        for pending in self._pending.values():
            if time.monotonic() - pending.told_at >= self._seconds:
                try:
                    self._tell(pending)
                except (SQLAlchemyError, OSError) as error:
                    pending.told_at = time.monotonic()
                    known, self._failing = self._failing, True
                    return (
                        None
                        if known
                        else f"Dagster's storage takes no report ({type(error).__name__}: {_first_line(error)})"
                    )
        return None

    def tell_all(self) -> None:
        """Tell everything that was not told yet."""
        for pending in self._pending.values():
            self._tell(pending)

    def _tell(self, pending: _Pending) -> None:
        if pending.batches is None:
            return
        for event in self._events(pending.batches):
            self._instance.report_runless_asset_event(event)
        pending.batches, pending.told_at = None, time.monotonic()
        self._failing = False

    def _events(
        self, batches: Consumed
    ) -> Iterator[dg.AssetObservation | dg.AssetMaterialization | dg.AssetCheckEvaluation]:
        yield _observed(batches)
        source, landed, validated = batches.source, batches.landed, batches.validated
        for result in (
            landed_result(self._lake, source, landed),
            *(() if validated is None else validated_results(self._lake, source, validated)),
            *(() if batches.waits is None else (waiting_result(source, batches.waits),)),
        ):
            if isinstance(result, dg.AssetObservation):
                yield result
                continue
            assert result.asset_key is not None  # noqa: S101 - all name theirs
            if isinstance(result, dg.AssetCheckResult):
                yield self._evaluation(result.asset_key, result)
                continue
            version = {} if result.data_version is None else {DATA_VERSION: result.data_version.value}
            yield dg.AssetMaterialization(
                result.asset_key,
                metadata={**(result.metadata or {}), "consumer": self._consumer},
                tags={**(result.tags or {}), **version},
            )

    def _evaluation(self, key: dg.AssetKey, check: dg.AssetCheckResult) -> dg.AssetCheckEvaluation:
        assert check.check_name is not None  # noqa: S101 - our checks have names
        newest = next(iter(self._instance.fetch_materializations(key, limit=1).records), None)
        return dg.AssetCheckEvaluation(
            asset_key=key,
            check_name=check.check_name,
            passed=check.passed,
            metadata=check.metadata,
            severity=check.severity,
            description=check.description,
            blocking=check.check_name == CHECK,
            target_materialization_data=newest
            and AssetCheckEvaluationTargetMaterializationData(
                storage_id=newest.storage_id, run_id=newest.run_id, timestamp=newest.timestamp
            ),
        )


def _observed(batches: Consumed) -> dg.AssetObservation:
    """What the stream holds as far as it was read, in the form that the sensor gives it."""
    end = {str(p): offset for p, offset in sorted(batches.landed.positions.offsets.items())}
    version = json.dumps({"asked_up_to": end}, sort_keys=True)
    key = upstream_key(batches.source)
    return dg.AssetObservation(list(key), metadata={"end": end}, tags={DATA_VERSION: version})


def _together(first: Consumed, then: Consumed) -> Consumed:
    landed = replace(
        then.landed,
        records=first.landed.records + then.landed.records,
        payload_bytes=first.landed.payload_bytes + then.landed.payload_bytes,
        commits=first.landed.commits + then.landed.commits,
    )
    return replace(then, landed=landed, validated=_both(first.validated, then.validated))


def _both(first: Validated | None, then: Validated | None) -> Validated | None:
    if first is None or then is None:
        return first or then
    return replace(then, reports=[*first.reports, *then.reports], late=first.late + then.late)


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [""])[0][:200]
