"""A process that brings the events of a stream through raw and contract, so that it can be killed.

Workers are forked from a server process that has imported everything and done nothing, so that one starts in a moment.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.connection import Connection

from mlinfra_assets.clock import HomeClock
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.ingest.consumer import Pace, SourceConsumer
from mlinfra_assets.ingest.processed import validate_source
from mlinfra_assets.ingest.streams import land_stream
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.settings import Settings
from tests.support.faults.commit_guard import die_at_next_commit
from tests.support.faults.events import NAME, VARIANTS, System
from tests.support.faults.stream import open_log

RUN = Provenance(run_id="worker", code_version="code")


@dataclass(frozen=True)
class Task:
    """What a worker does.

    Attributes:
        topic: The stream.
        system: Which system it is in.
        variant: Which of `VARIANTS` the source is.
        batch: Records that a commit holds at most.
        until: Go on until raw holds this many records; 0: once, to the present end.
        die_committing: Die between the data file and the commit of the next batch in `raw` or `processed`.
        follow: Follow the stream as a member of a group of consumers, until `until`, or for ever.
    """

    topic: str
    system: System = "redis"
    variant: str = "plain"
    batch: int = 50
    until: int = 0
    die_committing: str = ""
    follow: bool = False


class Worker:
    """A process at work on a task.

    Args:
        settings: Where everything is.
        task: What it does.
        environment: Variables of its own, such as `MLINFRA_KILL_AT`.
    """

    def __init__(self, settings: Settings, task: Task, environment: Mapping[str, str]) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload([__name__, "pandera.polars"])
        self._said, speak = context.Pipe(duplex=False)
        everything = {**settings.to_environment(), **environment}
        self.process = context.Process(target=_work, args=(everything, task, speak), daemon=True)
        self.process.start()
        speak.close()

    def wait(self) -> tuple[int, str]:
        """Its exit code (minus the signal that killed it) and what it said, when it has ended."""
        try:
            said = self._said.recv()
        except EOFError:
            said = ""
        self.process.join()
        self._said.close()
        assert self.process.exitcode is not None
        return self.process.exitcode, said

    def kill(self) -> None:
        """Kill it with SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.wait()


def ingest(settings: Settings, task: Task) -> None:
    """Bring what the stream holds through raw and contract, as a run does, or as a consumer."""
    lake, source = Lake(settings.lake), VARIANTS[task.variant](task.topic, task.system)
    log, clock = open_log(settings, source), HomeClock(settings.home)
    if task.follow:
        pace = Pace(linger=0.0, max_batch=task.batch, keep=timedelta(days=7))
        consumer = SourceConsumer(lake, log, source, RUN, clock, pace, settings.max_payload_bytes)
        for _ in consumer.follow(threading.Event(), "faults"):
            if task.until and lake.table(f"raw/{NAME}").count() >= task.until:
                return
    while True:
        if task.die_committing == "raw":
            die_at_next_commit()
        land_stream(lake, log, source, RUN, clock, max_records=task.batch)
        if task.die_committing == "processed":
            die_at_next_commit()
        validate_source(lake, source, RUN, clock.now(), max_payload_bytes=settings.max_payload_bytes)
        if lake.table(f"raw/{NAME}").count() >= task.until:
            return


def _work(environment: Mapping[str, str], task: Task, speak: Connection) -> None:
    os.environ.update(environment)
    try:
        ingest(Settings.load(), task)
    except MlinfraError as error:
        speak.send(f"{type(error).__name__}: {error}")
        sys.exit(1)
