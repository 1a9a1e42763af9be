"""What people did to the version of a view that is served: rolled back, resumed."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.registry.ledger import Ledger
from mlinfra_assets.registry.tables import ONLINE_VERSIONS, schema


@dataclass(frozen=True)
class VersionChange:
    """The version that is served was changed by hand.

    Attributes:
        view: The view.
        at: When, UTC.
        what: Back to the version before, or forward again.
        version: The version that was served from then on.
        by: Who did it.
        why: The reason.
    """

    view: str
    at: datetime
    what: Literal["rolled_back", "resumed"]
    version: str
    by: str
    why: str


def record_change(lake: Lake, change: VersionChange, provenance: Provenance) -> None:
    """Keep a change."""
    row = asdict(change)
    key = {name: row.pop(name) for name in ("view", "at")}
    ledger = Ledger(lake.table(ONLINE_VERSIONS), schema(ONLINE_VERSIONS), tuple(key))
    ledger.record(key, lambda: [{**row, "run_id": provenance.run_id}], provenance)


def changes(lake: Lake, view: str) -> list[VersionChange]:
    """What was done to a view, oldest first."""
    ledger = Ledger(lake.table(ONLINE_VERSIONS), schema(ONLINE_VERSIONS), ("view", "at"))
    rows = ledger.find({"view": view}).drop("number", "run_id")
    return [VersionChange(**row) for row in rows.iter_rows(named=True)]
