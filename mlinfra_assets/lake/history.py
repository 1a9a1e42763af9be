"""What was committed to a table: when, by which operation, from where."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from deltalake import DeltaTable

from mlinfra_assets.clock import from_micros
from mlinfra_assets.lake import epochs, log
from mlinfra_assets.lake.provenance import Provenance, from_metadata


@dataclass(frozen=True)
class HistoryEntry:
    """A version of a table.

    Attributes:
        version: Its number.
        at: When it was committed by the machine's clock, UTC with milliseconds.
        operation: Delta's name of what was done (`WRITE`, `OPTIMIZE`, `CREATE TABLE`, ...).
        rows: Rows that it added; 0 if it added none.
        provenance: Where it comes from; None for commits that only maintain the table.
    """

    version: int
    at: datetime
    operation: str
    rows: int
    provenance: Provenance | None


def entries(handle: DeltaTable, limit: int | None = None) -> list[HistoryEntry]:
    """Versions up to that of the handle, newest first."""
    return [_entry(raw) for raw in log.newest(handle, limit)]


def newest_provenance(handle: DeltaTable, version: int) -> Provenance | None:
    """Provenance of the newest commit at or before `version` that carries one.

    A restore brings back the provenance of the version that it restored.
    """
    for raw in log.backwards(handle, version):
        if (found := from_metadata(raw)) is not None:
            return found
        if raw.get("operation") == epochs.RESTORE:
            return newest_provenance(handle, epochs.restored(handle, raw))
    return None


def _entry(raw: dict) -> HistoryEntry:
    metrics = raw.get("operationMetrics") or {}
    return HistoryEntry(
        version=int(raw["version"]),
        at=from_micros(int(raw["timestamp"]) * 1000),
        operation=str(raw.get("operation", "")),
        rows=int(metrics.get("num_added_rows", 0)),
        provenance=from_metadata(raw),
    )
