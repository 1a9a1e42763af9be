"""From raw to processed: the contract decides which records are valid, and whether a batch passes as a whole.

A batch becomes visible only after its checks: one that breaks the contract's batch rules is not written at all. It is
held by the source's breaker, which says what becomes of it and of what comes after it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.breakers.breaker import Breaker, Decided
from mlinfra_assets.breakers.event import Span
from mlinfra_assets.connectors.schema_registry import SchemaRegistry
from mlinfra_assets.contracts.added_fields import DAY, LSN
from mlinfra_assets.contracts.quarantine_schema import QUARANTINE_SCHEMA, RELEASES_SCHEMA
from mlinfra_assets.contracts.report import BatchReport, Processed
from mlinfra_assets.contracts.row_changes import Earlier
from mlinfra_assets.contracts.source import DatabaseIngest, FilesIngest, Source, StreamIngest
from mlinfra_assets.contracts.validate import process
from mlinfra_assets.contracts.violation import Violation
from mlinfra_assets.fault_points import reach
from mlinfra_assets.ingest.contract_in_force import take_contract
from mlinfra_assets.ingest.current_state import update_state
from mlinfra_assets.ingest.earlier_changes import earlier_changes
from mlinfra_assets.ingest.half_published import half_published
from mlinfra_assets.ingest.lateness import Lateness, LateRecords
from mlinfra_assets.ingest.profiles import Profiles
from mlinfra_assets.ingest.raw import application, offsets
from mlinfra_assets.ingest.source_breaker import SourceBreaker
from mlinfra_assets.ingest.table_snapshots import OFFSETS, snapshot_number
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.predicate import Condition
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError
from mlinfra_assets.positions import Positions
from mlinfra_assets.registry.kept_schemas import KeptSchemas

BATCH_RECORDS = 250_000
BATCH_BYTES = 128 * 1024 * 1024
BATCH_FILES = 1
ATTEMPTS = 100
SET_ASIDE = "held batch"
"""The rule that a record breaks whose whole batch was set aside."""
STATS = ["_event_time", "_known_at", "_partition", "_offset", "_release"]


@dataclass
class Validated:
    """What one validation did.

    Attributes:
        reports: What the contract said of each batch, in order.
        held: The report of the batch that broke the contract's batch rules; nothing of it was written.
        was_open: Whether the source's breaker was open before.
        breaker: The source's breaker afterwards; open: nothing was written past what is held.
        late: Which of the records came late.
        positions: How far the processed table has come.
        version: Delta version of the processed table afterwards.
        quarantine_version: Delta version of the quarantine table afterwards.
    """

    reports: list[BatchReport] = field(default_factory=list)
    held: BatchReport | None = None
    was_open: bool = False
    breaker: Breaker = field(default_factory=lambda: Breaker(""))
    late: Lateness = field(default_factory=Lateness)
    positions: Positions = field(default_factory=Positions)
    version: int = 0
    quarantine_version: int = 0

    @property
    def frozen(self) -> bool:
        """Whether nothing was written because the breaker was open, and is."""
        return self.was_open and self.breaker.is_open and not self.reports

    @property
    def valid(self) -> int:
        """Records that passed, over all batches written."""
        return sum(r.valid for r in self.reports)

    @property
    def quarantined(self) -> int:
        """Records that were set aside, over all batches written."""
        return sum(r.quarantined for r in self.reports)

    @property
    def reasons(self) -> dict[str, int]:
        """How often each rule was broken, over all batches written, most frequent first."""
        total: dict[str, int] = {}
        for report in self.reports:
            for reason, count in report.reasons.items():
                total[reason] = total.get(reason, 0) + count
        return dict(sorted(total.items(), key=lambda item: (-item[1], item[0])))


@dataclass(frozen=True)
class _Tables:
    lake: Lake
    raw: LakeTable
    releases: LakeTable
    processed: LakeTable
    quarantine: LakeTable


@dataclass(frozen=True)
class _Reading:
    max_payload_bytes: int
    schemas: KeptSchemas


def validate_source(
    lake: Lake,
    source: Source,
    provenance: Provenance,
    now: datetime,
    *,
    max_payload_bytes: int,
    schema_registry: SchemaRegistry | None = None,
) -> Validated:
    """Bring what raw holds past the processed table through the contract, as far as the source's breaker lets it.

    Args:
        lake: Where the tables are.
        source: The source and its contract.
        provenance: Run and code version that the commits name.
        now: The present, UTC: when a breaker opens or closes.
        max_payload_bytes: A larger message is quarantined unread.
        schema_registry: Who knows the schemas of messages that name one; None: what the lake holds is enough.

    Raises:
        IncompatibleContractError: The contract may not follow the published ones; nothing was written.
        UnavailableError: The registry does not answer; nothing of the batch was written.
        InvalidInputError: A schema is needed, and no registry is set; nothing of the batch was written.
    """
    tables = _Tables(
        lake=lake,
        raw=lake.table(names.table(*names.raw(source.name))),
        releases=lake.table(names.table(*names.releases(source.name))),
        processed=lake.table(names.table(*names.processed(source.name))),
        quarantine=lake.table(names.table(*names.quarantine(source.name))),
    )
    _again(partial(take_contract, lake, source, provenance, now))
    _ensure(tables, source, provenance)
    _keep_state(tables, source, provenance)  # as a run that was killed left it
    profiles = Profiles(lake, source, provenance)
    reading = _Reading(max_payload_bytes, KeptSchemas(lake, schema_registry))
    breaker = SourceBreaker(lake, source, provenance, now)
    result = Validated(was_open=breaker.state().is_open)
    late = LateRecords(lake, source.name, tables.processed)
    while not _frozen_by_hand(breaker) and _advance(
        tables, source, provenance, breaker, profiles, late, reading, result
    ):
        pass  # a good probe lets the batches before it go first
    result.breaker = breaker.state()
    if result.held is None and not result.breaker.is_open:
        _again(partial(_let_in, tables, source, provenance, reading, result))
        _keep_state(tables, source, provenance)
    result.positions = covered(tables.processed, source.name)
    result.version = tables.processed.version()
    result.quarantine_version = tables.quarantine.version()
    return result


def _frozen_by_hand(breaker: SourceBreaker) -> bool:
    state = breaker.state()
    return state.is_open and state.by_hand


def _advance(
    tables: _Tables,
    source: Source,
    provenance: Provenance,
    breaker: SourceBreaker,
    profiles: Profiles,
    late: LateRecords,
    reading: _Reading,
    result: Validated,
) -> bool:
    """Take up the batches in order; returns whether to start again, because earlier ones may be written now."""
    for span, batch in _batches(tables, source, breaker.cuts()):
        decided = breaker.decided(span)
        if decided is None and breaker.waits(span):
            continue  # what comes after it is the probe
        reach("processed.after_read")
        processed = process(
            source,
            batch,
            latest=_latest(tables, source),
            profile=profiles.before(batch),
            set_aside=_reason(decided),
            max_payload_bytes=reading.max_payload_bytes,
            schemas=reading.schemas.needed(source, batch["payload"], provenance),
        )
        if decided is None:
            verdict = breaker.judge(span, processed.report)
            if verdict == "stop":
                result.held = None if processed.report.passed else processed.report
                return False
            if verdict == "start_again":
                return True
        came_late = late.count(processed.valid)
        _publish(tables, source, provenance, processed, {span.partition: span.last}, profiles.inputs)
        _keep_state(tables, source, provenance)
        result.reports.append(processed.report)
        result.late += came_late
        if breaker.decided(span) is None:  # a probe is what made it half open, and counts no second time
            breaker.published(processed.report)
    return False


def _keep_state(tables: _Tables, source: Source, provenance: Provenance) -> None:
    """Bring the current state of change data up to its history: what comes next may leave out what it says."""
    if isinstance(source.ingest, StreamIngest) and source.ingest.changes:
        update_state(tables.lake, source, provenance)


def _reason(decided: Decided | None) -> Violation | None:
    """Why all records of a batch go to quarantine; None: they do not."""
    if decided is None or decided.fate == "publish":
        return None
    return Violation(None, SET_ASIDE, None, f"set aside with its batch by {decided.by}: {decided.why}")


def covered(table: LakeTable, source: str) -> Positions:
    """How far a processed or quarantine table has come, releases included, as its newest commit says."""
    provenance = table.provenance() if table.exists() else None
    return Positions() if provenance is None else provenance.positions.get(source, Positions())


def _batches(tables: _Tables, source: Source, known: Sequence[Span]) -> Iterator[tuple[Span, pl.DataFrame]]:
    """Raw rows that are not processed yet, in order, with the positions of each batch; known ones stay as they were."""
    if not tables.raw.exists():
        return
    version = tables.raw.version()
    partitions = tables.raw.read(columns=["partition"], version=version)["partition"].unique().sort().to_list()
    done = _done(tables, source, partitions)
    for partition in partitions:
        where = [("partition", "==", partition), ("offset", ">", done.get(partition, -1))]
        pending = tables.raw.read(columns=["offset"], version=version, where=where)["offset"].sort()
        by_bytes = isinstance(source.ingest, StreamIngest) and len(pending) > 1
        sizes = _sizes(tables, where, version) if by_bytes else None
        for span in _spans(source, pending, sizes, [k for k in known if k.partition == partition], partition):
            window = [("partition", "==", partition), ("offset", ">=", span.first), ("offset", "<=", span.last)]
            yield span, tables.raw.read(version=version, where=window).sort("offset")


def _sizes(tables: _Tables, where: Sequence[Condition], version: int) -> pl.Series:
    """Bytes of the payloads of raw rows up to and with each, in the order of their offsets."""
    rows = tables.raw.scan(columns=["offset", "payload"], version=version, where=where)
    found = rows.select("offset", pl.col("payload").bin.size().fill_null(0)).collect(engine="streaming")
    return found.sort("offset")["payload"].cast(pl.Int64).cum_sum()


def _spans(
    source: Source, pending: pl.Series, sizes: pl.Series | None, known: Sequence[Span], partition: int
) -> Iterator[Span]:
    """Offsets that are pending, in order, cut into batches: each known one by itself, the others by records and bytes.

    A snapshot of a table is one batch, whatever its size. `sizes`: bytes up to and with each record; None: they do not
    count.
    """
    start = 0
    while start < len(pending):
        offset = pending[start]
        within = next((k for k in known if k.first <= offset <= k.last), None)
        if within is not None:
            yield within
            start = int(pending.search_sorted(within.last, side="right"))
            continue
        ahead = [k.first for k in known if k.first > offset]
        limit = int(pending.search_sorted(min(ahead), side="left")) if ahead else len(pending)
        stop = min(start + _size(source, pending, start), limit)
        if sizes is not None:
            before = sizes[start - 1] if start else 0
            stop = min(stop, max(start + 1, int(sizes.search_sorted(before + BATCH_BYTES, side="right"))))
        yield Span(partition, offset, pending[stop - 1])
        start = stop


def _size(source: Source, pending: pl.Series, start: int) -> int:
    """How many of the pending offsets a batch from `start` on may take up."""
    if isinstance(source.ingest, DatabaseIngest):
        following = (snapshot_number(pending[start]) + 1) * OFFSETS
        return int(pending.search_sorted(following, side="left")) - start
    return BATCH_FILES if isinstance(source.ingest, FilesIngest) else BATCH_RECORDS


def _done(tables: _Tables, source: Source, partitions: Sequence[int]) -> dict[int, int]:
    """Last offset that both the valid and the quarantined records have come to: either table may have been restored."""
    valid = offsets(tables.processed, source.name, partitions)
    quarantined = offsets(tables.quarantine, source.name, partitions)
    return {p: min(offset, quarantined[p]) for p, offset in valid.items() if p in quarantined}


def _publish(
    tables: _Tables,
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
        _again(partial(_add_missing, tables, source, provenance, bad, partition))
        if half := half_published(tables.processed, tables.quarantine, source.name, partition):
            valid = half.valid(valid)
        for table, rows in ((tables.quarantine, bad), (tables.processed, valid)):
            _again(partial(_add, tables, table, source, provenance, rows, (partition, last), judged_by))


def _add_missing(tables: _Tables, source: Source, provenance: Provenance, rows: pl.DataFrame, partition: int) -> None:
    """Add records to the quarantine that it has come past, as an earlier run took them for valid and then ended."""
    app = f"{application(source.name, partition)}/late"
    done = tables.quarantine.progress(app)  # before the rows are looked at: what comes later makes the append fail
    half = half_published(tables.processed, tables.quarantine, source.name, partition)
    if half is None or (missing := half.missing(rows)).is_empty():
        return
    before = covered(tables.quarantine, source.name)
    tables.quarantine.append(
        missing,
        provenance=_stamped(tables, source, provenance, before, {}),
        advance={**_standing(source.name, before), app: (done, (done or 0) + 1)},
        stats_columns=_stats(tables.quarantine, tables, source),
        schema_mode="merge",
    )


def _add(
    tables: _Tables,
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
        provenance=_stamped(tables, source, provenance, before, {partition: last}, judged_by=judged_by),
        advance={**_standing(source.name, before), application(source.name, partition): (done, last)},
        stats_columns=_stats(table, tables, source),
        schema_mode="merge",
    )
    reach("processed.between_commits" if table is tables.quarantine else "processed.after_commit")


def _again(act: Callable[[], None]) -> None:
    """Act, and act again where another run was faster: each time from what the tables say then."""
    for _ in range(ATTEMPTS - 1):
        with suppress(ProgressConflictError):
            return act()
    return act()


def _let_in(tables: _Tables, source: Source, provenance: Provenance, reading: _Reading, result: Validated) -> None:
    """Bring released records into processed: their own position, known from their release on."""
    if not tables.releases.exists():
        return
    app = f"{source.name}/releases"
    done = tables.processed.progress(app) or 0
    releases = tables.releases.read(where=[("number", ">", done)]).sort("number")
    if releases.is_empty():
        return
    held = [("offset", ">=", releases["offset"].min()), ("offset", "<=", releases["offset"].max())]
    raw = tables.raw.read(where=held).join(
        releases.select("partition", "offset").unique(), on=["partition", "offset"], how="semi"
    )
    let_in = process(
        source,
        raw,
        releases=releases,
        latest=_latest(tables, source),
        max_payload_bytes=reading.max_payload_bytes,
        schemas=reading.schemas.needed(source, raw["payload"], provenance),
    )
    last = int(releases["number"].max())  # pyright: ignore[reportArgumentType]
    before = covered(tables.processed, source.name)
    tables.processed.append(
        tables.processed.widened(let_in.valid),
        provenance=_stamped(tables, source, provenance, before, {}, releases=last),
        advance={**_standing(source.name, before), app: (done or None, last)},
        stats_columns=_stats(tables.processed, tables, source),
        schema_mode="merge",
    )
    result.reports.append(let_in.report)


def _latest(tables: _Tables, source: Source) -> pl.DataFrame | Earlier | None:
    """What is known of the records' keys; None: it does not matter, as each snapshot of a table stands by itself."""
    if isinstance(source.ingest, StreamIngest) and source.ingest.changes:
        return earlier_changes(tables.lake, source)
    upserts = source.contract.primary_key and not isinstance(source.ingest, DatabaseIngest)
    return tables.processed.read() if upserts else None


def _stats(table: LakeTable, tables: _Tables, source: Source) -> list[str]:
    if table is not tables.processed:
        return ["_known_at", "_partition", "_offset"]
    return [*STATS, *(name for name in (LSN,) if name in source.contract.value_schema())]


def _standing(source: str, before: Positions) -> dict[str, tuple[int | None, int]]:
    """Demands that the table still stands where the stamped watermark says, in every partition and in its releases."""
    standing = {application(source, p): (offset, offset) for p, offset in before.offsets.items()}
    releases = {f"{source}/releases": (before.releases, before.releases)} if before.releases else {}
    return {**standing, **releases}


def _stamped(
    tables: _Tables,
    source: Source,
    provenance: Provenance,
    before: Positions,
    after: Mapping[int, int],
    releases: int | None = None,
    judged_by: Mapping[str, int] | None = None,
) -> Provenance:
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


def _ensure(tables: _Tables, source: Source, provenance: Provenance) -> None:
    """Make the tables exist, empty, so that whoever reads them needs no special case."""
    schemas = (
        (tables.processed, source.contract.polars_schema()),
        (tables.quarantine, QUARANTINE_SCHEMA),
        (tables.releases, RELEASES_SCHEMA),
    )
    for table, schema in schemas:
        if not table.exists():
            days = [DAY] if table is tables.processed and isinstance(source.ingest, DatabaseIngest) else []
            table.append(pl.DataFrame(schema=schema), provenance=provenance, partition_by=days)
