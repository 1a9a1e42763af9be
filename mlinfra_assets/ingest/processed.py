"""From raw to processed: the contract decides which records are valid, and whether a batch passes as a whole.

A batch becomes visible only after its checks: one that breaks the contract's batch rules is not written at all. It is
held by the source's breaker, which says what becomes of it and of what comes after it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from mlinfra_assets.breakers.breaker import Breaker
from mlinfra_assets.connectors.schema_registry import SchemaRegistry
from mlinfra_assets.contracts.report import BatchReport
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.fault_points import reach
from mlinfra_assets.ingest.contract_in_force import take_contract
from mlinfra_assets.ingest.current_state import update_state
from mlinfra_assets.ingest.judging import Judging
from mlinfra_assets.ingest.lateness import Lateness, LateRecords
from mlinfra_assets.ingest.profiles import Profiles
from mlinfra_assets.ingest.publication import again, stamped, standing, stats_columns
from mlinfra_assets.ingest.raw import CommittedRows
from mlinfra_assets.ingest.recent import Recent
from mlinfra_assets.ingest.source_breaker import SourceBreaker
from mlinfra_assets.ingest.source_tables import SourceTables, covered
from mlinfra_assets.ingest.waiting import waiting
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.positions import Positions
from mlinfra_assets.registry.kept_schemas import KeptSchemas


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


def validate_source(
    lake: Lake,
    source: Source,
    provenance: Provenance,
    now: datetime,
    *,
    max_payload_bytes: int,
    schema_registry: SchemaRegistry | None = None,
    committed: CommittedRows | None = None,
    recent: Recent | None = None,
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
        recent: What the same caller remembers of the source from one call to the next; None: nothing.

    Raises:
        IncompatibleContractError: The contract may not follow the published ones; nothing was written.
        UnavailableError: The registry does not answer; nothing of the batch was written.
        InvalidInputError: A schema is needed, and no registry is set; nothing of the batch was written.
    """
    tables = SourceTables.of(lake, source.name)
    again(partial(take_contract, lake, source, provenance, now))
    tables.ensure(source, provenance)
    _keep_state(tables, source, provenance)  # as a run that was killed left it
    breaker = SourceBreaker(lake, source, provenance, now)
    judging = Judging(
        tables=tables,
        source=source,
        provenance=provenance,
        breaker=breaker,
        profiles=Profiles(lake, source, provenance),
        recent=recent or Recent(),
        max_payload_bytes=max_payload_bytes,
        schemas=KeptSchemas(lake, schema_registry),
        committed=committed,
    )
    result = Validated(was_open=breaker.state().is_open)
    late = LateRecords(lake, source.name, tables.processed)
    while not _frozen_by_hand(breaker) and _advance(judging, late, result):
        pass  # a good probe lets the batches before it go first
    result.breaker = breaker.state()
    if result.held is None and not result.breaker.is_open:
        again(partial(_let_in, judging, result))
        _keep_state(tables, source, provenance)
    result.positions = covered(tables.processed, source.name)
    result.version = tables.processed.version()
    result.quarantine_version = tables.quarantine.version()
    return result


def _frozen_by_hand(breaker: SourceBreaker) -> bool:
    state = breaker.state()
    return state.is_open and state.by_hand


def _advance(judging: Judging, late: LateRecords, result: Validated) -> bool:
    """Take up the batches in order; returns whether to start again, because earlier ones may be written now."""
    breaker = judging.breaker
    for batch in waiting(judging.tables, judging.source, breaker.cuts(), judging.committed):
        span = batch.span
        decided = breaker.decided(span)
        if decided is None and breaker.waits(span):
            continue  # what comes after it is the probe
        reach("processed.after_read")
        with judging.judged(batch, decided) as judged:
            if decided is None:
                verdict = breaker.judge(span, judged.report)
                if verdict == "stop":
                    result.held = None if judged.report.passed else judged.report
                    return False
                if verdict == "start_again":
                    return True
            came_late = judged.late(late)
            judging.publish(batch, judged)
        _keep_state(judging.tables, judging.source, judging.provenance)
        result.reports.append(judged.report)
        result.late += came_late
        if breaker.decided(span) is None:  # a probe is what made it half open, and counts no second time
            breaker.published(judged.report)
    return False


def _keep_state(tables: SourceTables, source: Source, provenance: Provenance) -> None:
    """Bring the current state of change data up to its history: what comes next may leave out what it says."""
    if isinstance(source.ingest, StreamIngest) and source.ingest.changes:
        update_state(tables.lake, source, provenance)


def _let_in(judging: Judging, result: Validated) -> None:
    """Bring released records into processed: their own position, known from their release on."""
    tables, source = judging.tables, judging.source
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
    let_in = judging.released(raw, releases)
    last = int(releases["number"].max())  # pyright: ignore[reportArgumentType]
    before = covered(tables.processed, source.name)
    tables.processed.append(
        tables.processed.widened(let_in.valid),
        provenance=stamped(tables, source, judging.provenance, before, {}, {tables.raw.name: version}, releases=last),
        advance={**standing(source.name, before), app: (done or None, last)},
        stats_columns=stats_columns(tables.processed, tables, source),
        schema_mode="merge",
    )
    result.reports.append(let_in.report)
