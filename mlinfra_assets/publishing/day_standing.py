"""Which of the days asked for have to be computed, and why; the others are what they would be again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import orjson

from mlinfra_assets.publishing.day_inputs import DayInputs
from mlinfra_assets.publishing.snapshot_ledger import ComputedDay, StoredDay

ASKED = "asked to be computed again"
FIRST = "not computed before"


@dataclass(frozen=True)
class Standing:
    """How a day that is asked for stands.

    Attributes:
        inputs: What it would be computed from.
        stored: What the table holds of it.
        record: The record that it need not be computed again by; None if it has to be computed.
        why: Why it has to be computed; empty if it need not.
    """

    inputs: DayInputs
    stored: StoredDay
    record: ComputedDay | None
    why: str

    @property
    def due(self) -> bool:
        """Whether it has to be computed."""
        return self.record is None


def standing(
    inputs: DayInputs, stored: StoredDay, records: Sequence[ComputedDay], *, recompute: bool = False
) -> Standing:
    """How a day stands.

    Args:
        inputs: What it would be computed from.
        stored: What the table holds of it.
        records: What is on record of it, newest first.
        recompute: Whether it is to be computed whatever the record says.
    """
    same = [r for r in records if (r.digest, r.files) == (inputs.digest, stored.files)]
    if recompute:
        return Standing(inputs, stored, None, ASKED)
    return Standing(inputs, stored, same[0], "") if same else Standing(inputs, stored, None, _why(inputs, records))


def _why(inputs: DayInputs, records: Sequence[ComputedDay]) -> str:
    if not records:
        return FIRST
    newest = records[0]
    if any(record.digest == inputs.digest for record in records):
        return "the table does not hold the snapshot that was computed"
    if newest.view_version != inputs.view_version:
        return f"the definition changed from version {newest.view_version} to {inputs.view_version}"
    scored = orjson.loads(newest.models)
    if scored != dict(inputs.models):
        return f"other models were in production: {_versions(inputs.models)}, computed with {_versions(scored)}"
    more = inputs.known_rows - newest.known_rows
    if more == 1:
        return "1 more row is known by then"
    return f"{more} more rows are known by then" if more > 1 else "other rows are known by then"


def _versions(models: Mapping[str, str]) -> str:
    return ", ".join(f"{model} {version}" for model, version in sorted(models.items())) or "none"


def ranges(days: Sequence[date]) -> list[tuple[date, date]]:
    """Days in order, as first and last of each unbroken range."""
    found: list[tuple[date, date]] = []
    for day in days:
        if found and found[-1][1] == day - timedelta(days=1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found
