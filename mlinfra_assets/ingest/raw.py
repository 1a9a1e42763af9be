"""The raw table: what arrived, every record once, in the order of its source.

The table itself says how far it has come: the Delta transaction of `<source>/<partition>` is the last offset that a
commit holds, so a run that is killed, repeated or raced by another resumes from there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.fault_points import reach
from mlinfra_assets.ingest.content_hash import content_hashes
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.positions import Positions

TIMESTAMP = pl.Datetime("us", "UTC")
RAW_SCHEMA = pl.Schema(
    {
        "source": pl.String(),
        "partition": pl.Int32(),
        "offset": pl.Int64(),
        "event_time": TIMESTAMP,
        "known_at": TIMESTAMP,
        "landed_at": TIMESTAMP,
        "batch_id": pl.String(),
        "contract_version": pl.String(),
        "content_hash": pl.String(),
        "key": pl.Binary(),
        "headers": pl.List(pl.Struct({"name": pl.String(), "value": pl.Binary()})),
        "payload": pl.Binary(),
    }
)


@dataclass(frozen=True)
class CommittedRows:
    """Rows of the raw table as one commit added them.

    The commit went in because the table stood at `before`, so at `version` the table holds past `before` these rows and
    no others: who has them need not read them.

    Attributes:
        rows: Columns of `RAW_SCHEMA`.
        before: Last offset that the table held before, by partition.
        after: Last offset that it held afterwards, of the partitions that moved.
        version: The table's Delta version that the commit made.
    """

    rows: pl.DataFrame
    before: Mapping[int, int]
    after: Mapping[int, int]
    version: int


@dataclass
class Landed:
    """What one landing did.

    Attributes:
        records: Rows that this landing added.
        payload_bytes: Bytes of their payloads.
        commits: Delta commits made.
        positions: How far the table has come.
        version: The table's Delta version afterwards.
        last: What the last of these commits added; None: there was none, or it is not at hand.
    """

    records: int = 0
    payload_bytes: int = 0
    commits: int = 0
    positions: Positions = field(default_factory=Positions)
    version: int = 0
    last: CommittedRows | None = None

    def add(self, rows: pl.DataFrame) -> None:
        """Count a commit."""
        self.records += rows.height
        self.payload_bytes += int(rows["payload"].bin.size().sum())
        self.commits += 1


def raw_table(lake: Lake, source: Source) -> LakeTable:
    """The raw table of a source."""
    return lake.table(names.table(*names.raw(source.name)))


def application(source: str, partition: int) -> str:
    """The Delta application id whose transaction version is the last offset of a partition."""
    return f"{source}/{partition}"


def offsets(table: LakeTable, source: str, partitions: Sequence[int]) -> dict[int, int]:
    """Last offset that the table holds, of those partitions that it holds anything of."""
    found = {p: table.progress(application(source, p)) for p in partitions} if table.exists() else {}
    return {p: offset for p, offset in found.items() if offset is not None}


def raw_rows(source: Source, records: pl.DataFrame, now: datetime, run_id: str) -> pl.DataFrame:
    """Rows of the raw table.

    Args:
        source: Where the records come from.
        records: Columns of `streams.records.RECORDS`.
        now: Landing time, UTC; what the transport does not stamp itself is known from then on.
        run_id: The run that writes them.
    """
    landed_at = pl.lit(now, TIMESTAMP)
    return records.with_columns(
        content_hashes(records["payload"]),
        source=pl.lit(source.name),
        known_at=pl.col("known_at").fill_null(landed_at),
        landed_at=landed_at,
        batch_id=pl.lit(run_id),
        contract_version=pl.lit(source.contract.fingerprint),
    ).select(RAW_SCHEMA.names())


def commit_rows(
    table: LakeTable,
    source: Source,
    rows: pl.DataFrame,
    provenance: Provenance,
    before: Mapping[int, int],
    after: Mapping[int, int],
) -> CommittedRows:
    """Add rows and move the table's positions, in one commit.

    Args:
        table: The raw table.
        source: Whose rows.
        rows: Columns of `RAW_SCHEMA`; none if only the positions move.
        provenance: Run and code version that the commit names.
        before: Where the table stands.
        after: Last offset that it holds afterwards, of the partitions that move.

    Raises:
        ProgressConflictError: The table stands elsewhere: another writer was faster. Nothing was written.
    """
    reach("raw.before_commit")
    covered = Positions(offsets={**before, **after})
    commit = table.append(
        rows,
        provenance=replace(provenance, positions={source.name: covered}),
        advance={application(source.name, p): (before.get(p), last) for p, last in after.items()},
        stats_columns=["partition", "offset", "known_at", "landed_at"],
    )
    reach("raw.after_commit")
    return CommittedRows(rows, dict(before), dict(after), commit.version)


def ensure_raw(table: LakeTable, source: Source, provenance: Provenance) -> None:
    """Make the table exist, empty."""
    if not table.exists():
        empty = pl.DataFrame(schema=RAW_SCHEMA)
        table.append(empty, provenance=replace(provenance, positions={source.name: Positions()}))
