"""A process that dies between the breaker's event and what it allows: the next run ends it, every record once."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from tests.support.held_source import HeldSource, things

GOOD, BAD = [1] * 10, [1] * 5 + [99] * 5


def run(folder: Path, sent: list[int], point: str) -> None:
    os.environ["MLINFRA_KILL_AT"] = point
    shop = HeldSource(folder, things())
    shop.sent = sent
    shop.run()


@pytest.mark.parametrize(
    ("point", "events"), [("breaker.before_event", 0), ("breaker.after_event", 1), ("processed.between_commits", 1)]
)
def test_a_probe_that_dies_is_finished_by_the_next_run(tmp_path: Path, point: str, events: int) -> None:
    shop = HeldSource(tmp_path / "lake", things())
    shop.send(GOOD)
    shop.run()
    shop.send(BAD)
    shop.run()
    shop.send(GOOD)

    child = multiprocessing.get_context("spawn").Process(target=run, args=(tmp_path / "lake", shop.sent, point))
    child.start()
    child.join(120)

    assert child.exitcode == -signal.SIGKILL
    assert [event.kind for event in shop.log.events()][1:] == ["probe_passed"] * events
    assert shop.processed() == list(range(10))
    shop.run()
    assert shop.processed() == [*range(10), *range(20, 30)]
    assert shop.quarantined() == list(range(10, 20))
    assert [event.kind for event in shop.log.events()] == ["tripped", "probe_passed"]
