"""What a check of a model found, and how a commit keeps it: what rests on it later reads it there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

import orjson

from mlinfra_assets.lake.provenance import Provenance

FINDINGS, NEWEST = "findings", "newest"


@dataclass(frozen=True)
class Finding:
    """One check.

    Attributes:
        check: Its name, as the asset check is called.
        passed: Whether the limit is kept; true too where there is too little to judge.
        why: The numbers, for a person.
    """

    check: str
    passed: bool
    why: str


def kept(findings: Sequence[Finding], newest: datetime | None) -> dict[str, str]:
    """What a commit's provenance keeps as its `extra`.

    Args:
        findings: The checks.
        newest: When the newest thing that they rest on became known (UTC); None if they rest on nothing.
    """
    return {
        FINDINGS: orjson.dumps([asdict(finding) for finding in findings]).decode(),
        NEWEST: "" if newest is None else newest.isoformat(),
    }


def found(provenance: Provenance | None) -> tuple[list[Finding], datetime | None]:
    """The checks that a commit keeps, and when what they rest on became known; none from a commit without any."""
    if provenance is None or FINDINGS not in provenance.extra:
        return [], None
    newest = provenance.extra.get(NEWEST) or None
    findings = [Finding(**each) for each in orjson.loads(provenance.extra[FINDINGS])]
    return findings, None if newest is None else datetime.fromisoformat(newest)
