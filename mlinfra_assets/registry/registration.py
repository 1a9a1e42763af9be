"""The circumstances of a registration: when, by which run, by whom, from which code."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mlinfra_assets.lake.provenance import Provenance


@dataclass(frozen=True)
class Registration:
    """Who records something, and when.

    Attributes:
        at: When, UTC.
        run_id: By which run.
        by: The user of the machine or of the CI system; empty if nobody knows.
        code_version: Which code ran.
    """

    at: datetime
    run_id: str
    by: str = ""
    code_version: str = ""

    @property
    def provenance(self) -> Provenance:
        """What the commit says of its origin."""
        return Provenance(run_id=self.run_id, code_version=self.code_version)

    def columns(self) -> dict[str, object]:
        """The columns that every entry of the registry has."""
        return {"registered_at": self.at, "run_id": self.run_id, "registered_by": self.by}
