"""The newest published records of a stream source: what rules that need a number of records count with a small batch.

They are the records of the batch's own partition and landing day (UTC) that were validated with the same contract,
since the last decision about a batch. So what a batch is judged by depends on its positions and on what the tables hold
up to them, not on who judges it. A consumer remembers them from batch to batch, as they stand in the tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.breakers.event import Span
from mlinfra_assets.contracts.gathered import ORDER, Gathered, gathered, needed, schema_of
from mlinfra_assets.contracts.report import Processed
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.ingest.raw import application
from mlinfra_assets.ingest.source_tables import SourceTables
from mlinfra_assets.lake.predicate import Condition


@dataclass(frozen=True)
class _Tail:
    """The newest records of a partition up to an offset, as many as any rule needs."""

    upto: int
    contract: str
    records: pl.DataFrame


class Recent:
    """The newest published records of one source, by partition."""

    def __init__(self) -> None:
        self._tails: dict[int, _Tail] = {}
        self._asked: Span | None = None

    def before(self, tables: SourceTables, source: Source, span: Span, landed: datetime, after: int) -> Gathered:
        """The records that count together with a batch.

        Args:
            tables: Where they are.
            source: The source and its contract.
            span: The batch.
            landed: When its newest record became known (UTC).
            after: Records up to this offset do not count: something was decided about a batch there.
        """
        self._asked = span
        day = datetime.combine(landed.date(), time.min, UTC)
        records = self._tail(tables, source, span, day).records
        within = pl.col(names.OFFSET).is_between(after, span.first, closed="none")
        return Gathered(records.filter(within, pl.col(names.KNOWN_AT) >= day))

    def published(self, source: Source, span: Span, processed: Processed) -> None:
        """Take in a batch that was published; if nobody asked what was before it, the tables are looked at again."""
        tail = self._tails.pop(span.partition, None)
        if tail is not None and self._asked == span:
            more = gathered(source.contract, processed.valid, processed.quarantined)
            records = pl.concat([tail.records, more]).tail(needed(source.contract))
            self._tails[span.partition] = _Tail(span.last, tail.contract, records)

    def _tail(self, tables: SourceTables, source: Source, span: Span, day: datetime) -> _Tail:
        most = needed(source.contract)
        app, contract = application(source.name, span.partition), source.contract.fingerprint
        stands = tables.processed.progress(app)
        known = self._tails.get(span.partition)
        if known is not None and (known.upto, known.contract) == (stands, contract):
            return known
        whole = stands == tables.quarantine.progress(app)  # else a run ended between the two, and some are judged again
        where: list[Condition] = [
            (names.PARTITION, "==", span.partition),
            (names.OFFSET, "<", span.first),
            (names.KNOWN_AT, ">=", day),
            (names.CONTRACT, "==", contract),
        ]
        columns = [name for name in schema_of(source.contract) if name in source.contract.polars_schema()]
        valid = tables.processed.scan([*columns, names.RELEASE], where=where).filter(pl.col(names.RELEASE).is_null())
        bad = tables.quarantine.scan([names.KNOWN_AT, *ORDER, "reasons"], where=where)
        newest = [rows.top_k(most, by=ORDER).collect(engine="streaming") for rows in (valid, bad)]
        found = _Tail(-1 if stands is None else stands, contract, gathered(source.contract, *newest).tail(most))
        self._tails.pop(span.partition, None)
        if whole:
            self._tails[span.partition] = found
        return found
