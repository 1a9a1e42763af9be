"""A source followed by a process that stays: the same landing and validation as a run's, a small batch at a time.

While a batch goes through the contract the next one lands, if the stream goes on. Progress is what the tables hold, as
everywhere. So a consumer may be killed, started twice, or race with a run that a sensor asked for: whoever commits
first is first, and the other goes on from there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta

from mlinfra_assets import names
from mlinfra_assets.clock import Clock
from mlinfra_assets.connectors.schema_registry import SchemaRegistry
from mlinfra_assets.contracts.source import Source, StreamIngest
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.ingest.landings import Landings
from mlinfra_assets.ingest.processed import Validated, validate_source
from mlinfra_assets.ingest.raw import CommittedRows, Landed, raw_table
from mlinfra_assets.ingest.recent import Recent
from mlinfra_assets.ingest.streams import land_stream, standing, trim_stream
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import ProgressConflictError
from mlinfra_assets.streams.follower import Follower
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.redis_log import RedisLog

LOOK = 1.0
"""Seconds that one wait for records lasts; between two of them a consumer sees that it was asked to stop."""
IDLE = 30.0
"""Seconds after which a consumer without new records looks for releases, and for rows that others landed."""
RETRY = 2.0
"""Seconds after which it tries a validation again that waits for its contract to be set right."""
TRIM = 3600.0
"""Seconds after which it removes from the stream what raw has held for long."""
MOST_BEHIND = 10_000
SMALL_FILES = 64
"""So many commits of one consumer are merged into one file."""


@dataclass(frozen=True)
class Pace:
    """How a consumer cuts a stream into batches.

    Attributes:
        linger: Seconds that it lets records gather after the first.
        max_batch: Most records of a batch; a full batch is followed by the next without lingering.
        keep: How long a stream keeps what raw holds.
    """

    linger: float
    max_batch: int
    keep: timedelta


@dataclass(frozen=True)
class Consumed:
    """One batch.

    Attributes:
        source: Whose.
        landed: What came into raw.
        validated: What came of it; None: validation waits, and nothing past raw was written.
        behind: Records that the stream had past it, counted up to `MOST_BEHIND`.
        waits: Why validation waits.
    """

    source: Source
    landed: Landed
    validated: Validated | None
    behind: int = 0
    waits: str | None = None

    @property
    def empty(self) -> bool:
        """Whether nothing has changed in any table."""
        done = self.validated
        return not (self.landed.commits or (done is not None and (done.reports or done.held)))


class SourceConsumer:
    """Follows one stream source. Used by one thread.

    Args:
        lake: Where the tables are.
        log: The stream, on a connection that nobody else uses.
        source: Its ingest is a `StreamIngest`.
        provenance: Consumer and code version that the commits name.
        clock: Tells the landing time.
        pace: How batches are cut.
        max_payload_bytes: A larger message is quarantined unread.
        schema_registry: Who knows the schemas of messages that name one.
        declared: Reads the source's declaration again: asked while the contract at hand cannot be taken. None: it stays
            as it is.
    """

    def __init__(
        self,
        lake: Lake,
        log: StreamLog,
        source: Source,
        provenance: Provenance,
        clock: Clock,
        pace: Pace,
        max_payload_bytes: int,
        schema_registry: SchemaRegistry | None = None,
        declared: Callable[[], Source] | None = None,
    ) -> None:
        assert isinstance(source.ingest, StreamIngest)  # noqa: S101 - the caller chose by this very type
        self._lake = lake.kept()
        self._landing_lake = lake.kept()  # its own handles: a table's users wait for each other
        self._log = log
        self._source = source
        self._topic = source.ingest.topic
        self._provenance = provenance
        self._clock = clock
        self._pace = pace
        self._max_payload_bytes = max_payload_bytes
        self._schema_registry = schema_registry
        self._recent = Recent()
        self._declared = declared or (lambda: source)
        self._waits: str | None = None
        self._raw = raw_table(self._lake, source)
        self._commits = 0

    def catch_up(self, stop: threading.Event) -> Iterator[Consumed]:
        """The batches up to the stream's end as it is when there is nothing more to read, or to the stop."""
        with self._landings() as landings:
            while not stop.is_set() or landings.begun:
                batch = self._batch(landings, None, stop)
                yield batch
                if not batch.landed.commits:
                    return

    def follow(self, stop: threading.Event, group: str) -> Iterator[Consumed]:
        """The batches as they come, also empty ones, until the stop, which lets a batch be finished.

        While the source's breaker is open, or its contract cannot be taken, raw goes on, and processed waits.

        Args:
            stop: Set from another thread.
            group: Name that the consumers share who divide a topic's partitions among them.

        Raises:
            UnavailableError: The stream or the lake is gone; following again goes on from what the tables hold.
            RetentionGapError, StreamResetError: Going on would lose records.
        """
        with (
            closing(self._log.follow(self._topic, f"{group}-{self._source.name}")) as follower,
            self._landings() as landings,
        ):
            yield from self._followed(stop, follower, landings)

    def _followed(self, stop: threading.Event, follower: Follower, landings: Landings) -> Iterator[Consumed]:
        begun = time.monotonic()
        looked, trimmed = begun - IDLE, begun
        while not stop.is_set() or landings.begun:
            found = standing(self._raw, self._log, self._source)
            own = follower.partitions()
            # A position may also have to move where no record is: over the marks of transactions.
            behind = landings.begun or any(own is None or partition in own for partition in found.behind)
            if not follower.wait(found.held, 0.0 if behind else LOOK) and not behind:
                if time.monotonic() - looked < (IDLE if self._waits is None else RETRY):
                    continue
            elif not landings.begun:
                stop.wait(self._pace.linger)
            batch = self._batch(landings, follower.partitions(), stop)
            looked = time.monotonic()
            follower.held(batch.landed.positions.offsets)
            yield batch
            if time.monotonic() - trimmed >= TRIM:
                if isinstance(self._log, RedisLog):
                    trim_stream(self._lake, self._log, self._source, self._clock.now() - self._pace.keep)
                trimmed = time.monotonic()

    def _landings(self) -> Landings:
        return Landings(self._land, self._pace.max_batch)

    def _land(self, partitions: frozenset[int] | None) -> Landed:
        return land_stream(
            self._landing_lake,
            self._log,
            self._source,
            self._provenance,
            self._clock,
            partitions=partitions,
            max_records=self._pace.max_batch,
            max_commits=1,
        )

    def _batch(self, landings: Landings, partitions: frozenset[int] | None, stop: threading.Event) -> Consumed:
        """A batch that is in raw, brought through the contract with whatever else raw holds."""
        landed = landings.next(partitions, go_on=not stop.is_set())
        validated = self._settled(landed.last)
        landed.last = None  # whoever is told of the batch need not hold its rows
        self._commits += landed.commits
        if self._commits >= SMALL_FILES:
            self._compact()
        behind = self._log.behind(self._topic, landed.positions.offsets, MOST_BEHIND) if landed.commits else 0
        return Consumed(self._source, landed, validated, behind, self._waits)

    def _settled(self, committed: CommittedRows | None) -> Validated | None:
        """Validate, or say why that has to wait; where another writer was faster, again from what the tables hold."""
        while True:
            try:
                validated = validate_source(
                    self._lake,
                    self._source,
                    self._provenance,
                    self._clock.now(),
                    max_payload_bytes=self._max_payload_bytes,
                    schema_registry=self._schema_registry,
                    committed=committed,
                    recent=self._recent,
                )
            except ProgressConflictError:
                continue
            except InvalidInputError as error:
                self._waits = str(error)
                if not self._declared_anew():
                    return None
            else:
                self._waits = None
                return validated

    def _declared_anew(self) -> bool:
        """Take over the source's declaration if it is another by now."""
        try:
            found = self._declared()
        except InvalidInputError as error:
            self._waits = str(error)
            return False
        if found.ingest != self._source.ingest:
            self._waits = f"{found.file} says another way of coming in by now: stop the consumer and start it again"
            return False
        known, self._source = self._source, found
        return found != known

    def _compact(self) -> None:
        for table in (self._lake.table(names.table(*key)) for key in names.ingested(self._source.name)):
            if table.exists():  # where validation has waited from the first batch on, raw alone does
                table.maintain(SMALL_FILES, self._provenance.run_id)
        self._commits = 0
