"""One source of events, its stream and its tables, driven as the platform drives them."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

from mlinfra_assets.clock import HomeClock
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.ingest.processed import Validated, validate_source
from mlinfra_assets.ingest.raw import Landed
from mlinfra_assets.ingest.streams import land_stream
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.table import LakeTable
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.record import NewRecord
from tests.support.faults.counting import assert_exactly_once
from tests.support.faults.events import NAME, VARIANTS, event
from tests.support.faults.stream import open_log
from tests.support.faults.worker import RUN, Task, Worker

BAD_EVERY = 17


class Ingestion:
    """Events on their way from a stream through raw and contract.

    Attributes:
        settings: Where everything is.
        task: Which stream, and how workers read it.
        sent: The ids sent, each as often as it was.
        bad: Those, as often as they were sent, that break the contract.
    """

    def __init__(self, settings: Settings, task: Task) -> None:
        self.settings = settings
        self.task = task
        self.sent: list[int] = []
        self.bad: list[int] = []
        self.lake = Lake(settings.lake)
        self.log = open_log(settings, self.source)
        self.clock = HomeClock(settings.home)

    @property
    def source(self) -> Source:
        """The source, as it is declared now."""
        return VARIANTS[self.task.variant](self.task.topic, self.task.system)

    def declare(self, variant: str) -> None:
        """Change the source's declaration."""
        self.task = replace(self.task, variant=variant)

    def table(self, zone: str) -> LakeTable:
        """A table of the source: `raw`, `processed` or `quarantine`."""
        name = f"processed/{NAME}_quarantine" if zone == "quarantine" else f"{zone}/{NAME}"
        return self.lake.table(name)

    def send(self, records: Sequence[NewRecord], bad: Iterable[int] = (), at: datetime | None = None) -> None:
        """Append records, each keyed by its id; `bad` are the ids that break the contract."""
        self.log.append(self.task.topic, records, at=at)
        self.sent += [int(record.key or b"-1") for record in records]
        self.bad += bad

    def produce(self, count: int, at: datetime | None = None) -> list[int]:
        """Send events with new ids, some of which break the contract; returns the ids."""
        first = max(self.sent, default=-1) + 1
        ids = list(range(first, first + count))
        bad = [number for number in ids if number % BAD_EVERY == 0]
        self.send([event(n, amount=-1) if n in bad else event(n) for n in ids], bad, at)
        return ids

    def land(self, log: object = None, batch: int = 10_000) -> Landed:
        """Bring what the stream holds into raw, in this process; `log` takes the place of the stream itself."""
        stream = cast("StreamLog", log or self.log)
        return land_stream(self.lake, stream, self.source, RUN, self.clock, max_records=batch)

    def validate(self) -> Validated:
        """Bring what raw holds through the contract, in this process."""
        limit = self.settings.max_payload_bytes
        return validate_source(self.lake, self.source, RUN, self.clock.now(), max_payload_bytes=limit)

    def ingest(self, batch: int = 10_000) -> Validated:
        """Both."""
        self.land(batch=batch)
        return self.validate()

    def start(self, kill_at: str = "", **changes: object) -> Worker:
        """A worker in a process of its own; `changes` are those of its task."""
        task = replace(self.task, **changes)  # pyright: ignore[reportArgumentType]
        return Worker(self.settings, task, {"MLINFRA_KILL_AT": kill_at})

    def die(self, kill_at: str) -> None:
        """A worker that dies at a point, or between file and commit: `raw.file_written`, `processed.file_written`."""
        zone, _, point = kill_at.partition(".")
        linked = point == "file_written"
        code, said = (self.start(die_committing=zone) if linked else self.start(kill_at)).wait()
        assert code == -(signal.SIGSYS if linked else signal.SIGKILL), (kill_at, code, said)

    def check(self) -> None:
        """Every id that was sent is where it belongs, once."""
        assert_exactly_once(self.lake, NAME, self.sent, self.bad)

    def settle(self) -> None:
        """Bring everything in, and check it."""
        self.ingest()
        self.check()
