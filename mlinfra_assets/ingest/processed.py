"""From raw to processed: the contract decides which records are valid, and whether a batch passes as a whole.

A batch becomes visible only after its checks: one that breaks the contract's batch rules is not written at all. It is
held by the source's breaker, which says what becomes of it and of what comes after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from mlinfra_assets.breakers.breaker import Breaker, Decided
from mlinfra_assets.connectors.schema_registry import SchemaRegistry
from mlinfra_assets.contracts.report import BatchReport
from mlinfra_assets.contracts.row_changes import Earlier
from mlinfra_assets.contracts.source import DatabaseIngest, Source, StreamIngest
from mlinfra_assets.contracts.validate import process
from mlinfra_assets.contracts.violation import Violation
from mlinfra_assets.fault_points import reach
from mlinfra_assets.ingest.contract_in_force import take_contract
from mlinfra_assets.ingest.current_state import update_state
from mlinfra_assets.ingest.earlier_changes import earlier_changes
from mlinfra_assets.ingest.known_rows import known_rows
from mlinfra_assets.ingest.lateness import Lateness, LateRecords
from mlinfra_assets.ingest.profiles import Profiles
from mlinfra_assets.ingest.publication import again, publish, stamped, standing, stats_columns
from mlinfra_assets.ingest.raw import CommittedRows
from mlinfra_assets.ingest.source_breaker import SourceBreaker
from mlinfra_assets.ingest.source_tables import SourceTables, covered
from mlinfra_assets.ingest.waiting import waiting
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.positions import Positions
from mlinfra_assets.registry.kept_schemas import KeptSchemas

SET_ASIDE = "held batch"
"""The rule that a record breaks whose whole batch was set aside."""


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
class _Reading:
    max_payload_bytes: int
    schemas: KeptSchemas
    committed: CommittedRows | None


def validate_source(
    lake: Lake,
    source: Source,
    provenance: Provenance,
    now: datetime,
    *,
    max_payload_bytes: int,
    schema_registry: SchemaRegistry | None = None,
    committed: CommittedRows | None = None,
) -> Validated:
    """Bring what raw holds past the processed table through the contract, as far as the source's breaker lets it.

    Args:
        lake: Where the tables are.
        source: The source and its contract.
        provenance: Run and code version that the commits name.
        now: The present, UTC: when a breaker opens or closes.
        max_payload_bytes: A larger message is quarantined unread.
        schema_registry: Who knows the schemas of messages that name one; None: what the lake holds is enough.
        committed: What a commit has just added to raw, so that it need not be read where nothing else waits.

    Raises:
        IncompatibleContractError: The contract may not follow the published ones; nothing was written.
        UnavailableError: The registry does not answer; nothing of the batch was written.
        InvalidInputError: A schema is needed, and no registry is set; nothing of the batch was written.
    """
    tables = SourceTables.of(lake, source.name)
    again(partial(take_contract, lake, source, provenance, now))
    tables.ensure(source, provenance)
    _keep_state(tables, source, provenance)  # as a run that was killed left it
    profiles = Profiles(lake, source, provenance)
    reading = _Reading(max_payload_bytes, KeptSchemas(lake, schema_registry), committed)
    breaker = SourceBreaker(lake, source, provenance, now)
    result = Validated(was_open=breaker.state().is_open)
    late = LateRecords(lake, source.name, tables.processed)
    while not _frozen_by_hand(breaker) and _advance(
        tables, source, provenance, breaker, profiles, late, reading, result
    ):
        pass  # a good probe lets the batches before it go first
    result.breaker = breaker.state()
    if result.held is None and not result.breaker.is_open:
        again(partial(_let_in, tables, source, provenance, reading, result))
        _keep_state(tables, source, provenance)
    result.positions = covered(tables.processed, source.name)
    result.version = tables.processed.version()
    result.quarantine_version = tables.quarantine.version()
    return result


def _frozen_by_hand(breaker: SourceBreaker) -> bool:
    state = breaker.state()
    return state.is_open and state.by_hand


def _advance(
    tables: SourceTables,
    source: Source,
    provenance: Provenance,
    breaker: SourceBreaker,
    profiles: Profiles,
    late: LateRecords,
    reading: _Reading,
    result: Validated,
) -> bool:
    """Take up the batches in order; returns whether to start again, because earlier ones may be written now."""
    for found in waiting(tables, source, breaker.cuts(), reading.committed):
        span, batch = found.span, found.rows
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
        computed_from = {tables.raw.name: found.version, **profiles.inputs}
        publish(tables, source, provenance, processed, (span.partition, span.last), computed_from)
        _keep_state(tables, source, provenance)
        result.reports.append(processed.report)
        result.late += came_late
        if breaker.decided(span) is None:  # a probe is what made it half open, and counts no second time
            breaker.published(processed.report)
    return False


def _keep_state(tables: SourceTables, source: Source, provenance: Provenance) -> None:
    """Bring the current state of change data up to its history: what comes next may leave out what it says."""
    if isinstance(source.ingest, StreamIngest) and source.ingest.changes:
        update_state(tables.lake, source, provenance)


def _reason(decided: Decided | None) -> Violation | None:
    """Why all records of a batch go to quarantine; None: they do not."""
    if decided is None or decided.fate == "publish":
        return None
    return Violation(None, SET_ASIDE, None, f"set aside with its batch by {decided.by}: {decided.why}")


def _let_in(tables: SourceTables, source: Source, provenance: Provenance, reading: _Reading, result: Validated) -> None:
    """Bring released records into processed: their own position, known from their release on."""
    if not tables.releases.exists():
        return
    app = f"{source.name}/releases"
    done = tables.processed.progress(app) or 0
    releases = tables.releases.read(where=[("number", ">", done)]).sort("number")
    if releases.is_empty():
        return
    held = [("offset", ">=", releases["offset"].min()), ("offset", "<=", releases["offset"].max())]
    version = tables.raw.version()
    raw = tables.raw.read(version=version, where=held).join(
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
        provenance=stamped(tables, source, provenance, before, {}, {tables.raw.name: version}, releases=last),
        advance={**standing(source.name, before), app: (done or None, last)},
        stats_columns=stats_columns(tables.processed, tables, source),
        schema_mode="merge",
    )
    result.reports.append(let_in.report)


def _latest(tables: SourceTables, source: Source) -> Earlier | None:
    """What is known of the records' keys; None: it does not matter, as each snapshot of a table stands by itself."""
    if isinstance(source.ingest, StreamIngest) and source.ingest.changes:
        return earlier_changes(tables.lake, source)
    upserts = source.contract.primary_key and not isinstance(source.ingest, DatabaseIngest)
    return known_rows(source.contract, tables.processed) if upserts else None
