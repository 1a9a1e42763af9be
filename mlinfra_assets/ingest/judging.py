"""What a contract says of the batches of a source: with all that a verdict depends on beside the batch itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import cache, partial

import polars as pl

from mlinfra_assets.breakers.breaker import Decided
from mlinfra_assets.contracts.report import Processed
from mlinfra_assets.contracts.row_changes import Earlier
from mlinfra_assets.contracts.source import DatabaseIngest, Source, StreamIngest
from mlinfra_assets.contracts.validate import process
from mlinfra_assets.contracts.violation import Violation
from mlinfra_assets.ingest.earlier_changes import earlier_changes
from mlinfra_assets.ingest.known_rows import known_rows
from mlinfra_assets.ingest.profiles import Profiles
from mlinfra_assets.ingest.publication import Publishing
from mlinfra_assets.ingest.raw import CommittedRows
from mlinfra_assets.ingest.recent import Recent
from mlinfra_assets.ingest.record_batch import JudgedBatch, RecordBatch
from mlinfra_assets.ingest.snapshot_batch import SnapshotBatch
from mlinfra_assets.ingest.source_breaker import SourceBreaker
from mlinfra_assets.ingest.source_tables import SourceTables
from mlinfra_assets.ingest.waiting import Waiting
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.registry.kept_schemas import KeptSchemas

SET_ASIDE = "held batch"
"""The rule that a record breaks whose whole batch was set aside."""


@dataclass(frozen=True)
class Judging:
    """The judge of one source's batches, and who publishes them.

    Attributes:
        tables: The source's tables.
        source: The source and its contract.
        provenance: Run and code version that the commits name.
        breaker: The source's breaker.
        profiles: What earlier days were like.
        recent: The newest published records.
        max_payload_bytes: A larger message is quarantined unread.
        schemas: The schemas that messages were written with.
        committed: What a commit has just added to raw; None: raw is read.
    """

    tables: SourceTables
    source: Source
    provenance: Provenance
    breaker: SourceBreaker
    profiles: Profiles
    recent: Recent
    max_payload_bytes: int
    schemas: KeptSchemas
    committed: CommittedRows | None

    def judged(self, waiting: Waiting, decided: Decided | None) -> JudgedBatch:
        """What becomes of a batch, by its contract and by what was decided about it."""
        aside = _set_aside(decided)
        rows = waiting.rows
        if isinstance(self.source.ingest, DatabaseIngest):
            profile = self.profiles.before(rows)
            return SnapshotBatch(self.tables.raw, self.source, waiting, profile, aside, self.max_payload_bytes)
        landed = rows["known_at"].max()
        alone = decided is not None or not isinstance(self.source.ingest, StreamIngest) or self.breaker.state().is_open
        before = None
        if not alone and isinstance(landed, datetime):
            after = self.breaker.counted_from(waiting.span)
            before = cache(partial(self.recent.before, self.tables, self.source, waiting.span, landed, after))
        processed = process(
            self.source,
            rows,
            latest=self._latest(),
            profile=self.profiles.before(rows),
            gathered=before,
            set_aside=aside,
            max_payload_bytes=self.max_payload_bytes,
            schemas=self.schemas.needed(self.source, rows["payload"], self.provenance),
        )
        return RecordBatch(processed)

    def released(self, raw: pl.DataFrame, releases: pl.DataFrame) -> Processed:
        """What becomes of records that were let in from quarantine."""
        return process(
            self.source,
            raw,
            releases=releases,
            latest=self._latest(),
            max_payload_bytes=self.max_payload_bytes,
            schemas=self.schemas.needed(self.source, raw["payload"], self.provenance),
        )

    def publish(self, waiting: Waiting, batch: JudgedBatch) -> None:
        """Write a batch, and remember it for the next one."""
        computed_from = {self.tables.raw.name: waiting.version, **self.profiles.inputs}
        batch.publish(Publishing(self.tables, self.source, self.provenance, waiting.span, computed_from))
        if isinstance(batch, RecordBatch):
            self.recent.published(self.source, waiting.span, batch.processed)

    def _latest(self) -> Earlier | None:
        """What is known of the records' keys; None: it does not matter, as each snapshot of a table is for itself."""
        source = self.source
        if isinstance(source.ingest, StreamIngest) and source.ingest.changes:
            return earlier_changes(self.tables.lake, source)
        upserts = source.contract.primary_key and not isinstance(source.ingest, DatabaseIngest)
        return known_rows(source.contract, self.tables.processed) if upserts else None


def _set_aside(decided: Decided | None) -> Violation | None:
    """Why all records of a batch go to quarantine; None: they do not."""
    if decided is None or decided.fate == "publish":
        return None
    return Violation(None, SET_ASIDE, None, f"set aside with its batch by {decided.by}: {decided.why}")
