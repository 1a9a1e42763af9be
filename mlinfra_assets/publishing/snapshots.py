"""Which commit of a view's snapshots wrote, or confirmed, its newest day: what is online rests on its inputs."""

from __future__ import annotations

from datetime import date

from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable

LAST_DAY = "last_day"
"""What a commit of snapshots carries: the last day that it wrote, or found to be what its inputs give."""

FIRST_LOOK = 16


def newest_day(table: LakeTable) -> date | None:
    """The last day that there is a snapshot of."""
    newest = table.partitions()["day"].max() if table.exists() else None
    return newest if isinstance(newest, date) else None


def newest_snapshot(table: LakeTable) -> Provenance | None:
    """Provenance of the newest commit that wrote or confirmed the newest day; None while there is no snapshot.

    A later commit of older days alone, a backfill, is not what is served.
    """
    if not table.exists():
        return None
    newest = newest_day(table)
    if newest is None:
        return table.provenance()
    for limit in (FIRST_LOOK, None):
        for entry in table.history(limit):
            if entry.provenance is not None and entry.provenance.extra.get(LAST_DAY, "") >= newest.isoformat():
                return entry.provenance
    return table.provenance()
