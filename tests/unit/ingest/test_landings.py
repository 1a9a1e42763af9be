"""The next batch lands while the one before it is used: one ahead, none after the stop, and none lost."""

from __future__ import annotations

import threading

import pytest

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.ingest.landings import Landings, Partitions
from mlinfra_assets.ingest.raw import Landed

PATIENCE = 30.0


class Stream:
    """Lands batches of these sizes."""

    def __init__(self, *sizes: int) -> None:
        self.left = list(sizes)
        self.asked: list[Partitions] = []
        self.landed = threading.Semaphore(0)

    def land(self, partitions: Partitions) -> Landed:
        self.asked.append(partitions)
        records = self.left.pop(0) if self.left else 0
        self.landed.release()
        return Landed(records=records, commits=int(records > 0))


def test_after_a_full_batch_the_next_lands_before_it_is_asked_for() -> None:
    stream = Stream(10, 10, 4, 10)
    with Landings(stream.land, 10) as landings:
        assert landings.next(None, go_on=True).records == 10
        for _ in range(2):
            assert stream.landed.acquire(timeout=PATIENCE)
        assert landings.begun
        assert landings.next(frozenset({1}), go_on=True).records == 10
        assert landings.next(None, go_on=True).records == 4
        assert not landings.begun
    assert stream.asked == [None, None, frozenset({1})]
    assert stream.left == [10]


def test_with_the_stop_no_other_is_begun_and_the_one_that_was_is_taken() -> None:
    stream = Stream(10, 10, 10)
    with Landings(stream.land, 10) as landings:
        landings.next(None, go_on=True)
        assert landings.next(None, go_on=False).records == 10
        assert not landings.begun
    assert stream.left == [10]


def test_what_fails_ahead_is_raised_when_it_is_asked_for() -> None:
    stream = Stream(10)

    def land(partitions: Partitions) -> Landed:
        landed = stream.land(partitions)
        if not landed.commits:
            raise UnavailableError("the stream is gone")
        return landed

    with Landings(land, 10) as landings:
        assert landings.next(None, go_on=True).records == 10
        with pytest.raises(UnavailableError, match="gone"):
            landings.next(None, go_on=True)
        assert not landings.begun
