"""What Dagster is told of open breakers: a check on their subject, and why whatever depends on them did not run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import dagster as dg

from mlinfra_assets import names
from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.asking import frozen_message
from mlinfra_assets.breakers.breaker import Breaker

BREAKER_CHECK = "breaker"
FROZEN = "frozen"
FROZEN_TAG = f"mlinfra/{FROZEN}"
"""Tag of the observations that say so."""


def subject_asset(subject: str) -> dg.AssetKey:
    """The asset that shows a breaker: the processed table of a source, the snapshots of a view."""
    name = subjects.name_of(subject)
    return dg.AssetKey(names.processed(name) if subjects.is_source(subject) else names.features(name))


def breaker_spec(key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check that shows a breaker on its asset."""
    return dg.AssetCheckSpec(
        BREAKER_CHECK,
        asset=key,
        description="The circuit breaker is not open. While it is, nothing is published here and whatever reads it is "
        "frozen; `mlinfra breaker` shows why, and is the way back.",
    )


def breaker_result(breaker: Breaker) -> dg.AssetCheckResult:
    """The breaker as it stands, as the result of a run."""
    return dg.AssetCheckResult(
        check_name=BREAKER_CHECK,
        asset_key=subject_asset(breaker.subject),
        passed=not breaker.is_open,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=breaker_metadata(breaker),
        description=_description(breaker),
    )


def breaker_evaluation(breaker: Breaker) -> dg.AssetCheckEvaluation:
    """The breaker as it stands, told without a run."""
    return dg.AssetCheckEvaluation(
        asset_key=subject_asset(breaker.subject),
        check_name=BREAKER_CHECK,
        passed=not breaker.is_open,
        severity=dg.AssetCheckSeverity.ERROR,
        metadata=breaker_metadata(breaker),
        description=_description(breaker),
    )


def breaker_metadata(breaker: Breaker) -> dict[str, str]:
    """State, since when, by whom and why."""
    return {
        "state": breaker.state,
        "since": "" if breaker.since is None else breaker.since.isoformat(),
        "by": breaker.by,
        "why": breaker.why,
        "held": "; ".join(map(str, breaker.held)),
        "event": str(breaker.number),
    }


def frozen_observation(
    key: dg.AssetKey, breakers: Sequence[Breaker], partition: str | None = None
) -> dg.AssetObservation:
    """That an asset was to be made and was not, and why. What it holds stays as it is."""
    return dg.AssetObservation(
        asset_key=key,
        partition=partition,
        description=frozen_message(breakers),
        metadata=frozen_metadata(breakers),
        tags={FROZEN_TAG: "true"},
    )


def frozen_metadata(breakers: Iterable[Breaker]) -> dict[str, str]:
    """Why something is frozen, for the metadata of an event."""
    found = list(breakers)
    return {FROZEN: frozen_message(found), "breakers": ", ".join(breaker.subject for breaker in found)}


def _description(breaker: Breaker) -> str | None:
    if breaker.is_open:
        return frozen_message([breaker])
    if breaker.state == "half_open":
        return f"half open: {breaker.why}; the next batch decides"
    return None
