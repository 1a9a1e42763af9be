"""What a materialization of snapshots tells people: which days were computed, which were not, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

from mlinfra_assets.publishing.day_standing import ranges
from mlinfra_assets.publishing.snapshot_days import MaterializedDays

MOST_RANGES = 5


def told(found: MaterializedDays) -> list[str]:
    """One sentence for the days that were not computed again, one for each reason why others were, and what is left."""
    lines = []
    if found.unchanged:
        lines.append(
            f"{_counted(found.unchanged)} not computed again: {_text(found.unchanged)}. The definition "
            f"({found.version}), the rows known by then and the models in production are those that the rows in the "
            "table were computed from"
        )
    reasons: dict[str, list[date]] = {}
    for one in found.standings:
        if one.due:
            reasons.setdefault(one.why, []).append(one.inputs.day)
    done = "computed" if found.check.passed else "not written"
    lines += [f"{_counted(days)} {done}: {_text(days)}: {why}" for why, days in reasons.items()]
    if found.outdated and found.check.passed:
        lines.append(
            f"{_counted(found.outdated)} of the table hold values of another definition: {_text(found.outdated)}: "
            "materialize them, too, to have one definition throughout"
        )
    return lines


def _counted(days: Sequence[date]) -> str:
    return f"{len(days)} day{'' if len(days) == 1 else 's'}"


def _text(days: Sequence[date]) -> str:
    found = ranges(days)
    named = [f"{first}" if first == last else f"{first} to {last}" for first, last in found[:MOST_RANGES]]
    return ", ".join([*named, *_more(found[MOST_RANGES:])])


def _more(left: Iterable[tuple[date, date]]) -> list[str]:
    days = sum((last - first).days + 1 for first, last in left)
    return [f"and {days} more"] if days else []
