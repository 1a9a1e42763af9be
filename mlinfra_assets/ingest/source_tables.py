"""The tables that a source's records go through from raw on, and how far each has come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.added_fields import DAY
from mlinfra_assets.contracts.quarantine_schema import QUARANTINE_SCHEMA, RELEASES_SCHEMA
from mlinfra_assets.contracts.source import DatabaseIngest, Source
from mlinfra_assets.ingest.raw import offsets
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.positions import Positions


@dataclass(frozen=True)
class SourceTables:
    """The tables of a source.

    Attributes:
        lake: Where they are.
        raw: What arrived.
        releases: Decisions to let quarantined records in.
        processed: The valid records.
        quarantine: The others.
    """

    lake: Lake
    raw: LakeTable
    releases: LakeTable
    processed: LakeTable
    quarantine: LakeTable

    @classmethod
    def of(cls, lake: Lake, source: str) -> SourceTables:
        """The tables of the source of this name."""
        return cls(
            lake=lake,
            raw=lake.table(names.table(*names.raw(source))),
            releases=lake.table(names.table(*names.releases(source))),
            processed=lake.table(names.table(*names.processed(source))),
            quarantine=lake.table(names.table(*names.quarantine(source))),
        )

    def ensure(self, source: Source, provenance: Provenance) -> None:
        """Make the tables behind raw exist, empty, so that whoever reads them needs no special case."""
        schemas = (
            (self.processed, source.contract.polars_schema()),
            (self.quarantine, QUARANTINE_SCHEMA),
            (self.releases, RELEASES_SCHEMA),
        )
        for table, schema in schemas:
            if not table.exists():
                days = [DAY] if table is self.processed and isinstance(source.ingest, DatabaseIngest) else []
                table.append(pl.DataFrame(schema=schema), provenance=provenance, partition_by=days)

    def done(self, source: str, partitions: Sequence[int]) -> dict[int, int]:
        """Last offset that both valid and quarantined records have come to: either table may have been restored."""
        valid = offsets(self.processed, source, partitions)
        quarantined = offsets(self.quarantine, source, partitions)
        return {p: min(offset, quarantined[p]) for p, offset in valid.items() if p in quarantined}


def covered(table: LakeTable, source: str) -> Positions:
    """How far a processed or quarantine table has come, releases included, as its newest commit says."""
    provenance = table.provenance() if table.exists() else None
    return Positions() if provenance is None else provenance.positions.get(source, Positions())
