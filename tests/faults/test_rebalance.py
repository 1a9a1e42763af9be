"""Consumers that share a topic's partitions: one comes, one dies, and the partitions pass from hand to hand."""

from __future__ import annotations

import signal
import time

from tests.support.faults.ingestion import Ingestion
from tests.support.faults.systems import each_system

SECONDS = 120.0


def wait_for(ingestion: Ingestion, rows: int) -> None:
    """Until raw holds so many rows."""
    deadline = time.monotonic() + SECONDS
    table = ingestion.table("raw")
    while not (table.exists() and table.count() >= rows):
        assert time.monotonic() < deadline, f"raw holds {table.count()} of {rows}"
        time.sleep(0.02)


@each_system
def test_a_rebalance_loses_nothing_and_repeats_nothing(ingestion: Ingestion) -> None:
    ingestion.produce(60)
    dying = ingestion.start("raw.after_commit:3", follow=True, batch=15)
    wait_for(ingestion, 15)
    second = ingestion.start(follow=True, batch=15)
    ingestion.produce(60)
    assert dying.wait()[0] == -signal.SIGKILL
    third = ingestion.start(follow=True, batch=15)
    ingestion.produce(60)
    wait_for(ingestion, 90)
    second.kill()
    ingestion.produce(60)
    wait_for(ingestion, len(ingestion.sent))
    third.kill()
    ingestion.settle()
