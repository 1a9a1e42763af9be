"""A broker that dies in the middle of a read and comes back: what raw holds goes on where it stood."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, cast

import pytest

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.ingest.streams import land_stream
from mlinfra_assets.redis_server import connect
from mlinfra_assets.streams.log import StreamLog
from tests.support.faults.ingestion import Ingestion
from tests.support.faults.worker import RUN


class Interrupted:
    """A stream during whose reading something happens, after the batch of a number."""

    def __init__(self, log: StreamLog, after: int, act: Callable[[], None]) -> None:
        self._log, self._after, self._act = log, after, act

    def __getattr__(self, name: str) -> Any:
        return getattr(self._log, name)

    def read(self, *arguments: Any, **limits: Any) -> Iterator[Any]:
        for number, batch in enumerate(self._log.read(*arguments, **limits), 1):
            yield batch
            if number == self._after:
                self._act()


def land(ingestion: Ingestion, after: int, act: Callable[[], None]) -> None:
    log = cast("StreamLog", Interrupted(ingestion.log, after, act))
    land_stream(ingestion.lake, log, ingestion.source, RUN, ingestion.clock)


@pytest.mark.parametrize("batch", [20, 400])
def test_a_redis_killed_in_mid_read_loses_and_repeats_nothing(
    ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    monkeypatch.setattr("mlinfra_assets.ingest.streams.BATCH_RECORDS", batch)

    def kill() -> None:
        server = connect(ingestion.settings)
        os.kill(int(server.info("server")["process_id"]), signal.SIGKILL)  # pyright: ignore[reportIndexIssue]
        server.close()

    for after in (1, 3):
        ingestion.produce(1500)
        with suppress(UnavailableError):  # a run may end here; the next one goes on
            land(ingestion, after, kill)
        assert ingestion.table("raw").count() > 0
    ingestion.settle()
