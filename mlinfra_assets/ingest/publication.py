"""Writing what a contract made of a batch: each table once, whatever was written before and whoever writes too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.contracts.added_fields import LSN
from mlinfra_assets.contracts.report import Processed
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.fault_points import reach
from mlinfra_assets.ingest.half_published import half_published
from mlinfra_assets.ingest.raw import application
from mlinfra_assets.ingest.source_tables import SourceTables, covered
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError
from mlinfra_assets.positions import Positions

ATTEMPTS = 100
STATS = ["_event_time", "_known_at", "_partition", "_offset", "_release"]


def publish(
    tables: SourceTables,
    source: Source,
    provenance: Provenance,
    processed: Processed,
    after: Mapping[int, int],
    judged_by: Mapping[str, int],
) -> None:
    """Write the quarantine, then the valid rows; each table knows by itself what it already holds."""
    for partition, last in after.items():
        of_it = pl.col(names.PARTITION) == partition
        bad, valid = processed.quarantined.filter(of_it), processed.valid.filter(of_it)
        again(partial(_add_missing, tables, source, provenance, bad, partition))
        if half := half_published(tables.processed, tables.quarantine, source.name, partition):
            valid = half.valid(valid)
        for table, rows in ((tables.quarantine, bad), (tables.processed, valid)):
            again(partial(_add, tables, table, source, provenance, rows, (partition, last), judged_by))


def _add_missing(
    tables: SourceTables, source: Source, provenance: Provenance, rows: pl.DataFrame, partition: int
) -> None:
    """Add records to the quarantine that it has come past, as an earlier run took them for valid and then ended."""
    app = f"{application(source.name, partition)}/late"
    done = tables.quarantine.progress(app)  # before the rows are looked at: what comes later makes the append fail
    half = half_published(tables.processed, tables.quarantine, source.name, partition)
    if half is None or (missing := half.missing(rows)).is_empty():
        return
    before = covered(tables.quarantine, source.name)
    tables.quarantine.append(
        missing,
        provenance=stamped(tables, source, provenance, before, {}),
        advance={**standing(source.name, before), app: (done, (done or 0) + 1)},
        stats_columns=stats_columns(tables.quarantine, tables, source),
        schema_mode="merge",
    )


def _add(
    tables: SourceTables,
    table: LakeTable,
    source: Source,
    provenance: Provenance,
    rows: pl.DataFrame,
    upto: tuple[int, int],
    judged_by: Mapping[str, int],
) -> None:
    """Add those of a partition's rows up to an offset that the table does not hold yet."""
    partition, last = upto
    done = table.progress(application(source.name, partition))
    if done is not None and done >= last:
        return
    before = covered(table, source.name)
    table.append(
        table.widened(rows if done is None else rows.filter(pl.col(names.OFFSET) > done)),
        provenance=stamped(tables, source, provenance, before, {partition: last}, judged_by=judged_by),
        advance={**standing(source.name, before), application(source.name, partition): (done, last)},
        stats_columns=stats_columns(table, tables, source),
        schema_mode="merge",
    )
    reach("processed.between_commits" if table is tables.quarantine else "processed.after_commit")


def again(act: Callable[[], None]) -> None:
    """Act, and act again where another run was faster: each time from what the tables say then."""
    for _ in range(ATTEMPTS - 1):
        with suppress(ProgressConflictError):
            return act()
    return act()


def stats_columns(table: LakeTable, tables: SourceTables, source: Source) -> list[str]:
    """The columns of a table whose minimum and maximum may stand in the log."""
    if table is not tables.processed:
        return ["_known_at", "_partition", "_offset"]
    return [*STATS, *(name for name in (LSN,) if name in source.contract.value_schema())]


def standing(source: str, before: Positions) -> dict[str, tuple[int | None, int]]:
    """Demands that the table still stands where the stamped watermark says, in every partition and in its releases."""
    standing = {application(source, p): (offset, offset) for p, offset in before.offsets.items()}
    releases = {f"{source}/releases": (before.releases, before.releases)} if before.releases else {}
    return {**standing, **releases}


def stamped(
    tables: SourceTables,
    source: Source,
    provenance: Provenance,
    before: Positions,
    after: Mapping[int, int],
    releases: int | None = None,
    judged_by: Mapping[str, int] | None = None,
) -> Provenance:
    """What a commit says of its origin: how far the source is covered by then, and the tables that it rests on."""
    now = Positions(offsets={**before.offsets, **after}, releases=before.releases if releases is None else releases)
    inputs = {tables.raw.name: tables.raw.version(), **(judged_by or {})}
    if tables.releases.exists():
        inputs[tables.releases.name] = tables.releases.version()
    return Provenance(
        run_id=provenance.run_id,
        code_version=provenance.code_version,
        inputs=inputs,
        positions={source.name: now},
        extra={"contract": source.contract.fingerprint},
    )
