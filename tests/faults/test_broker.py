"""A broker that dies in the middle of a read and comes back: what raw holds goes on where it stood."""

from __future__ import annotations

import os
import signal
from contextlib import suppress

import pytest

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.redis_server import connect
from tests.support.faults.faulty_stream import Interrupted
from tests.support.faults.ingestion import Ingestion


@pytest.mark.parametrize("batch", [20, 400])
def test_a_redis_killed_in_mid_read_loses_and_repeats_nothing(ingestion: Ingestion, batch: int) -> None:
    def kill() -> None:
        server = connect(ingestion.settings)
        os.kill(int(server.info("server")["process_id"]), signal.SIGKILL)  # pyright: ignore[reportIndexIssue]
        server.close()

    for after in (1, 3):
        ingestion.produce(1500)
        with suppress(UnavailableError):  # a run may end here; the next one goes on
            ingestion.land(Interrupted(ingestion.log, after, kill), batch)
        assert ingestion.table("raw").count() > 0
    ingestion.settle()
