"""Writing what a contract made of a batch: each table once, whatever was written before and whoever writes too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.breakers.event import Span
from mlinfra_assets.contracts.added_fields import LSN
from mlinfra_assets.contracts.report import Processed
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.fault_points import reach
from mlinfra_assets.ingest.half_published import HalfPublished, half_published
from mlinfra_assets.ingest.raw import application
from mlinfra_assets.ingest.source_tables import SourceTables, covered
from mlinfra_assets.ingest.spool import Spool
from mlinfra_assets.lake.evolving import widened
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.schema import to_polars
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError
from mlinfra_assets.positions import Positions

ATTEMPTS = 100
STATS = ["_event_time", "_known_at", "_partition", "_offset", "_release"]


@dataclass(frozen=True)
class Publishing:
    """A batch that is to be written.

    Attributes:
        tables: Where it goes.
        source: Whose it is.
        provenance: Run and code version that the commits name.
        span: Its positions.
        computed_from: The tables' versions that it was read and judged from, by name.
    """

    tables: SourceTables
    source: Source
    provenance: Provenance
    span: Span
    computed_from: Mapping[str, int]

    def half_published(self) -> HalfPublished | None:
        """What an earlier run left behind that ended between the two tables."""
        return half_published(self.tables.processed, self.tables.quarantine, self.source.name, self.span.partition)


def publish(job: Publishing, processed: Processed) -> None:
    """Write the quarantine, then the valid rows; each table knows by itself what it already holds."""
    again(partial(_add_missing, job, processed.quarantined))
    valid = processed.valid
    if half := job.half_published():
        valid = half.valid(valid)
    for table, rows in ((job.tables.quarantine, processed.quarantined), (job.tables.processed, valid)):
        again(partial(_add, job, table, rows))


def publish_spooled(job: Publishing, valid: Spool, quarantined: Spool) -> None:
    """The same of rows on disk, which come in whole or not at all.

    Raises:
        WriteConflictError: Another writer committed at the same time; running again is safe.
    """
    half = job.half_published()
    if half is not None:
        for rows in quarantined.frames():
            again(partial(_add_missing, job, rows))
    fresh = (lambda rows: rows) if half is None else half.valid
    again(partial(_add, job, job.tables.quarantine, quarantined))
    again(partial(_add, job, job.tables.processed, valid, fresh))


def _add_missing(job: Publishing, rows: pl.DataFrame) -> None:
    """Add records to the quarantine that it has come past, as an earlier run took them for valid and then ended."""
    table = job.tables.quarantine
    app = f"{application(job.source.name, job.span.partition)}/late"
    done = table.progress(app)  # before the rows are looked at: what comes later makes the append fail
    half = job.half_published()
    if half is None or (missing := half.missing(rows)).is_empty():
        return
    before = covered(table, job.source.name)
    table.append(
        missing,
        provenance=stamped(job.tables, job.source, job.provenance, before, {}, job.computed_from),
        advance={**standing(job.source.name, before), app: (done, (done or 0) + 1)},
        stats_columns=stats_columns(table, job.tables, job.source),
        schema_mode="merge",
    )


def _add(
    job: Publishing,
    table: LakeTable,
    rows: pl.DataFrame | Spool,
    fresh: Callable[[pl.DataFrame], pl.DataFrame] = lambda rows: rows,
) -> None:
    """Add those of a partition's rows that the table does not hold yet; of spooled ones those that are `fresh`."""
    partition, last = job.span.partition, job.span.last
    app = application(job.source.name, partition)
    done = table.progress(app)
    if done is not None and done >= last:
        return
    if isinstance(rows, Spool):
        columns = to_polars(table.schema())  # asked before: a table that is written to answers nobody
        data = rows.reader(lambda frame: widened(table.name, fresh(frame), columns))
    else:
        data = table.widened(rows if done is None else rows.filter(pl.col(names.OFFSET) > done))
    before = covered(table, job.source.name)
    table.append(
        data,
        provenance=stamped(job.tables, job.source, job.provenance, before, {partition: last}, job.computed_from),
        advance={**standing(job.source.name, before), app: (done, last)},
        stats_columns=stats_columns(table, job.tables, job.source),
        schema_mode="merge",
    )
    reach("processed.between_commits" if table is job.tables.quarantine else "processed.after_commit")


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
