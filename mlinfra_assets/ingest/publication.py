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
    upto: tuple[int, int],
    computed_from: Mapping[str, int],
) -> None:
    """Write the quarantine, then the valid rows; each table knows by itself what it already holds.

    Args:
        tables: The source's tables.
        source: Whose rows.
        provenance: Run and code version that the commits name.
        processed: What the contract made of a batch, which is of one partition.
        upto: That partition, and the batch's last offset.
        computed_from: The tables' versions that the batch was read and judged from, by name.
    """
    bad, valid = processed.quarantined, processed.valid
    again(partial(_add_missing, tables, source, provenance, bad, upto[0], computed_from))
    if half := half_published(tables.processed, tables.quarantine, source.name, upto[0]):
        valid = half.valid(valid)
    for table, rows in ((tables.quarantine, bad), (tables.processed, valid)):
        again(partial(_add, tables, table, source, provenance, rows, upto, computed_from))


def _add_missing(
    tables: SourceTables,
    source: Source,
    provenance: Provenance,
    rows: pl.DataFrame,
    partition: int,
    computed_from: Mapping[str, int],
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
        provenance=stamped(tables, source, provenance, before, {}, computed_from),
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
    computed_from: Mapping[str, int],
) -> None:
    """Add those of a partition's rows up to an offset that the table does not hold yet."""
    partition, last = upto
    done = table.progress(application(source.name, partition))
    if done is not None and done >= last:
        return
    before = covered(table, source.name)
    table.append(
        table.widened(_past(rows, done)),
        provenance=stamped(tables, source, provenance, before, {partition: last}, computed_from),
        advance={**standing(source.name, before), application(source.name, partition): (done, last)},
        stats_columns=stats_columns(table, tables, source),
        schema_mode="merge",
    )
    reach("processed.between_commits" if table is tables.quarantine else "processed.after_commit")


def _past(rows: pl.DataFrame, done: int | None) -> pl.DataFrame:
    first = rows[names.OFFSET].min()
    if done is None or not isinstance(first, int) or first > done:
        return rows
    return rows.filter(pl.col(names.OFFSET) > done)


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
    computed_from: Mapping[str, int],
    releases: int | None = None,
) -> Provenance:
    """What a commit says of its origin: how far the source is covered by then, and the tables that it rests on."""
    now = Positions(offsets={**before.offsets, **after}, releases=before.releases if releases is None else releases)
    inputs = dict(computed_from)
    if tables.releases.exists():
        inputs[tables.releases.name] = tables.releases.version()
    return Provenance(
        run_id=provenance.run_id,
        code_version=provenance.code_version,
        inputs=inputs,
        positions={source.name: now},
        extra={"contract": source.contract.fingerprint},
    )
