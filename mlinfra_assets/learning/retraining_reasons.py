"""Whether a model is to be trained again now, and why: its declared conditions against what the tables hold.

No condition asks twice for the same thing. A training that would see no cutoff that the last one did not see gives the
same model: nothing asks for it. A check that failed on what was known already when the model was last trained asks for
nothing either.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mlinfra_assets import names
from mlinfra_assets.clock import from_micros, to_micros
from mlinfra_assets.feature_store.dataset import DatasetSchema
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.learning.cutoffs import TooLittleHistoryError, moments, split
from mlinfra_assets.learning.finding import found
from mlinfra_assets.learning.known_past import complete_before
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.store import ModelStore
from mlinfra_assets.learning.trainings import Training

FIRST, SCHEDULE, NEW_DATA, DRIFT, PERFORMANCE = "first", "schedule", "new data", "drift", "performance"


@dataclass(frozen=True)
class Reason:
    """A condition that holds.

    Attributes:
        condition: `first`, `schedule`, `new data`, `drift` or `performance`.
        why: The numbers, for a person.
    """

    condition: str
    why: str

    def __str__(self) -> str:
        return f"{self.condition}: {self.why}"


@dataclass(frozen=True)
class Asked:
    """What the conditions come to.

    Attributes:
        reasons: Those that hold; none: the model is not to be trained again now.
        rests: Why it is not, where it is not.
    """

    reasons: tuple[Reason, ...]
    rests: str = ""


def retraining_reasons(model: ModelSpec, lake: Lake, label: DatasetSchema, now: datetime) -> Asked:
    """The conditions of a model that hold now.

    Args:
        model: The declaration.
        lake: Where everything is.
        label: The dataset of the model's label.
        now: The present, UTC.
    """
    cutoffs = _known_cutoffs(model, lake, label, now)
    last = ModelStore(lake, model.name).trainings.newest()
    if last is None:
        return _first(model, cutoffs)
    fresh = [moment for moment in cutoffs if moment > to_micros(last.last_cutoff)]
    if not fresh:
        upto = f"no cutoff after {last.last_cutoff:%Y-%m-%d} has a known label yet"
        return Asked((), f"{upto}: a training would give version {last.version} again")
    asks: tuple[Callable[[], Reason | None], ...] = (
        lambda: _age(model, last, now),
        lambda: _news(model, last, fresh),
        lambda: _failed(model.retraining.drift, DRIFT, lake, names.drift(model.name), last),
        lambda: _failed(model.retraining.performance, PERFORMANCE, lake, names.performance(model.name), last),
    )
    reasons = tuple(reason for ask in asks if (reason := ask()) is not None)
    return Asked(reasons, "" if reasons else f"no declared condition holds since the training of {last.at:%Y-%m-%d}")


def _known_cutoffs(model: ModelSpec, lake: Lake, label: DatasetSchema, now: datetime) -> list[int]:
    """The cutoffs whose label is known, microseconds since 1970."""
    table = lake.table(label.table)
    if not table.exists():
        return []
    begin, newest = _bounds(table, names.EVENT_TIME)[0], _bounds(table, names.KNOWN_AT)[1]
    if begin is None or newest is None:
        return []
    spine = model.spine
    complete = complete_before(newest, now)
    return moments(to_micros(begin), complete, spine.warmup_us, spine.every_us, model.label.horizon_us)


def _bounds(table: LakeTable, column: str) -> tuple[Any, Any]:
    """Smallest and largest value of a column, from the log if it says them."""
    known = table.bounds(column)
    if known is not None:
        return known
    rows = table.read(columns=[column])[column]
    return rows.min(), rows.max()


def _first(model: ModelSpec, cutoffs: list[int]) -> Asked:
    try:
        split(model, cutoffs)
    except TooLittleHistoryError as error:
        return Asked((), str(error))
    upto = from_micros(cutoffs[-1])
    return Asked(
        (Reason(FIRST, f"no training is on record, and labels are known up to the cutoff of {upto:%Y-%m-%d}"),)
    )


def _age(model: ModelSpec, last: Training, now: datetime) -> Reason | None:
    every = model.retraining.every_us
    if every is None or now - last.at < timedelta(microseconds=every):
        return None
    return Reason(
        SCHEDULE, f"the last training was on {last.at:%Y-%m-%d %H:%M} UTC, one is due every {model.retraining.every}"
    )


def _news(model: ModelSpec, last: Training, fresh: list[int]) -> Reason | None:
    wanted = model.retraining.cutoffs
    if wanted is None or len(fresh) < wanted:
        return None
    return Reason(
        NEW_DATA,
        f"{len(fresh)} cutoffs after {last.last_cutoff:%Y-%m-%d} have a known label, {wanted} are enough",
    )


def _failed(declared: bool, condition: str, lake: Lake, key: tuple[str, str], last: Training) -> Reason | None:
    table = lake.table(names.table(*key))
    if not declared or not table.exists():
        return None
    findings, newest = found(table.provenance())
    failed = [finding for finding in findings if not finding.passed]
    if not failed or newest is None or newest <= last.at:
        return None
    return Reason(condition, "; ".join(f"{finding.check}: {finding.why}" for finding in failed))
