"""A round of random faults on one source: each step is a fault that the platform has promised to survive."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from unittest import mock

from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from mlinfra_assets.errors import MlinfraError, UnavailableError
from mlinfra_assets.lake import appending, health
from mlinfra_assets.lake.errors import LakeCorruptError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.streams.record import NewRecord
from tests.support.faults.events import START, event, payload
from tests.support.faults.faulty_stream import Again, Interrupted, losing_an_answer
from tests.support.faults.ingestion import Ingestion
from tests.support.faults.random_plan import Step

HOSTILE = (
    b"",
    b"{",
    b"\x00",
    b"\xff\xfe",
    b"[1]",
    b"null",
    b'{"id":NaN}',
    b'{"id":1e400}',
    b'{"a":' * 50 + b"1" + b"}" * 50,
)


class RandomRound:
    """A source that faults happen to.

    Args:
        ingestion: The source; nothing of it exists yet.
        kill_broker: Kills the stream's broker and starts it again; None: it is not ours to kill.
    """

    def __init__(self, ingestion: Ingestion, kill_broker: Callable[[], None] | None) -> None:
        self.ingestion = ingestion
        self._kill_broker = kill_broker
        self._now = START
        ingestion.clock.set(self._now)

    def take(self, step: Step) -> None:
        """Take a step."""
        getattr(self, step.name)(**step.options)

    def produce(self, count: int) -> None:
        """New events, some of which break the contract."""
        self.ingestion.produce(count)

    def repeat(self, count: int, back: int) -> None:
        """A producer that sends again: equal content at new positions is as many rows."""
        again = self.ingestion.sent[-back - count : len(self.ingestion.sent) - back]
        good = [number for number in again if number not in set(self.ingestion.bad)]
        self.ingestion.send([event(number) for number in good])

    def poison(self, seed: int, count: int) -> None:
        """Messages that are no events."""
        rng, first = Random(seed), max(self.ingestion.sent, default=-1) + 1
        ids = range(first, first + count)
        records: list[NewRecord] = [
            payload(n, rng.choice((*HOSTILE, rng.randbytes(rng.randint(0, 2000))))) for n in ids
        ]
        self.ingestion.send(records, bad=ids)

    def killed_run(self, kill_at: str, batch: int) -> None:
        """A run that dies at a point, if it comes that far."""
        self.ingestion.start(kill_at, batch=batch).wait()

    def killed_between_file_and_commit(self, zone: str) -> None:
        """A run that dies when the data file is there and the commit is not."""
        self.ingestion.start(die_committing=zone).wait()

    def killed_after(self, milliseconds: int, batch: int) -> None:
        """A run that is killed at any moment."""
        worker = self.ingestion.start(batch=batch)
        time.sleep(milliseconds / 1000)
        worker.kill()

    def delivered_again(self, batch: int) -> None:
        """A stream that delivers every message three times."""
        self.ingestion.land(Again(self.ingestion.log), batch)
        self.ingestion.validate()

    def lost_answer(self, nth: int, conflict: bool) -> None:
        """A commit that goes in, whose writer is told that it did not."""
        answer = CommitFailedError("is there already") if conflict else OSError("error sending request: timed out")
        with (
            mock.patch.object(appending, "write_deltalake", losing_an_answer(answer, nth)),
            suppress(UnavailableError),
        ):
            self.ingestion.ingest()

    def racing_writers(self, kills: list[str]) -> None:
        """Several runs at a time, of which some die."""
        workers = [self.ingestion.start(kill_at, batch=15) for kill_at in kills]
        for worker in workers:
            worker.wait()

    def racing_compaction(self, zone: str, kill_at: str) -> None:
        """A compaction while a run is at work, and dies."""
        worker = self.ingestion.start(kill_at, batch=15)
        if self.ingestion.table(zone).exists():
            self.ingestion.table(zone).maintain(2)
        worker.wait()

    def killed_consumer(self, count: int, kill_at: str) -> None:
        """A consumer that follows the stream and dies; or lives, and is killed."""
        worker = self.ingestion.start(kill_at, follow=True, batch=20)
        self.ingestion.produce(count)
        wanted = len(self.ingestion.sent)
        while worker.process.is_alive() and not self._holds(wanted):
            time.sleep(0.02)
        worker.kill()

    def checkpoint(self, zone: str) -> None:
        """A checkpoint of a table."""
        if self.ingestion.table(zone).exists():
            self.ingestion.table(zone).checkpoint()

    def restore(self, zone: str, back: int) -> None:
        """A table that an operator takes back by some versions, though not to before it was made."""
        if self.ingestion.table(zone).exists():
            table = DeltaTable(self.ingestion.table(zone).uri)
            if table.version() > 0:
                table.restore(max(0, table.version() - back))

    def torn_commit(self, zone: str, share: float) -> None:
        """A power cut that leaves a part of the last commit, of which nobody was told; repaired as the message says."""
        table = self.ingestion.table(zone)
        folder = Path(table.uri)
        if not table.exists() or table.version() == 0:
            return
        last = health.log_file(folder, table.version())
        if last.with_suffix(".checkpoint.parquet").exists():
            return  # what a checkpoint holds was confirmed before
        (folder / health.CONFIRMED).write_text(f"{table.version() - 1:0{health.DIGITS}d}")
        last.write_bytes(last.read_bytes()[: int(last.stat().st_size * share)])
        self.ingestion.lake = Lake(self.ingestion.settings.lake)
        try:
            self.ingestion.table(zone).version()
        except LakeCorruptError as error:
            named = re.search(r"commit file (\S+\.json).*never confirmed to anyone: delete that file", str(error))
            if named is None:
                raise
            Path(named[1]).unlink()
        else:
            raise AssertionError(f"the torn commit {last} was not noticed")
        self.ingestion.lake = Lake(self.ingestion.settings.lake)

    def clock(self, hours: int) -> None:
        """The platform's clock jumps."""
        self._now += timedelta(hours=hours)
        self.ingestion.clock.set(self._now)

    def broker_killed(self, after: int) -> None:
        """The broker dies in the middle of a read, and comes back."""
        if self._kill_broker is None:
            return
        self.ingestion.produce(60)
        with suppress(UnavailableError):
            self.ingestion.land(Interrupted(self.ingestion.log, after, self._kill_broker), 20)

    def declare(self, variant: str) -> None:
        """The contract gets a field more, or loses it again."""
        self.ingestion.declare(variant)

    def check(self) -> None:
        """All is brought in, and every id is where it belongs."""
        for attempt in range(3):
            try:
                self.ingestion.ingest()
                break
            except MlinfraError:
                if attempt == 2:
                    raise
        self.ingestion.check()

    def _holds(self, wanted: int) -> bool:
        """Whether all that was sent has come through."""
        table = self.ingestion.table("raw")
        return table.exists() and table.count() >= wanted
