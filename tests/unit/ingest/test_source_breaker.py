"""A source's breaker at work on real tables: what is held, what goes on, and that every record is there once."""

from __future__ import annotations

from pathlib import Path

import pytest

from mlinfra_assets.breakers.decisions import close_by_hand, drop_held, open_by_hand, release_held
from mlinfra_assets.breakers.event import Span
from mlinfra_assets.breakers.rules import BreakerRules
from tests.support.held_source import HeldSource, things

GOOD, BAD, FEW = [1] * 10, [1] * 5 + [99] * 5, [1] * 3


@pytest.fixture
def shop(tmp_path: Path) -> HeldSource:
    return HeldSource(tmp_path / "lake", things())


def tripped(shop: HeldSource) -> HeldSource:
    shop.send(GOOD)
    shop.run()
    shop.send(BAD)
    shop.run()
    return shop


def test_good_batches_leave_no_event(shop: HeldSource) -> None:
    for _ in range(2):
        shop.send(GOOD)
        assert shop.run().breaker.state == "closed"
    assert shop.processed() == list(range(20))
    assert shop.log.events() == []


def test_a_batch_that_breaks_its_rules_opens_the_breaker_with_its_report_as_evidence(shop: HeldSource) -> None:
    tripped(shop)
    [event] = shop.log.events()
    assert (event.kind, event.state, event.by, event.at) == ("tripped", "open", "few bad", shop.clock)
    assert event.spans == (Span(0, 10, 19),)
    evidence = event.to_dict()["evidence"]
    assert (evidence["records"], evidence["quarantined"], evidence["reasons"]) == (10, 5, {"size: maximum": 5})
    assert [(c["name"], c["passed"], c["value"]) for c in evidence["checks"]] == [("few bad", False, 50.0)]
    assert shop.processed() == list(range(10))
    assert shop.quarantined() == []


def test_it_stays_open_and_nothing_is_written_however_often_it_runs(shop: HeldSource) -> None:
    tripped(shop)
    for _ in range(3):
        assert shop.run().breaker.is_open
    assert shop.processed() == list(range(10))
    assert len(shop.log.events()) == 1


def test_the_next_good_batch_makes_it_half_open_and_what_was_held_is_in_quarantine(shop: HeldSource) -> None:
    tripped(shop)
    shop.send(GOOD)
    result = shop.run()
    assert result.breaker.state == "half_open"
    assert shop.processed() == [*range(10), *range(20, 30)]
    assert shop.quarantined() == list(range(10, 20))
    assert shop.rules_broken(12) == ["held batch"]
    assert shop.rules_broken(17) == ["maximum", "held batch"]
    assert result.positions.offsets == {0: 29}


def test_a_second_good_batch_closes_it(shop: HeldSource) -> None:
    tripped(shop)
    for _ in range(2):
        shop.send(GOOD)
        shop.run()
    assert [event.kind for event in shop.log.events()] == ["tripped", "probe_passed", "closed"]
    assert shop.processed() == [*range(10), *range(20, 40)]


def test_a_bad_batch_opens_it_again(shop: HeldSource) -> None:
    tripped(shop)
    shop.send(GOOD)
    shop.run()
    shop.send(BAD)
    assert shop.run().breaker.is_open
    assert shop.breaker().held == (Span(0, 30, 39),)
    assert shop.processed() == [*range(10), *range(20, 30)]


def test_a_bad_probe_is_held_too(shop: HeldSource) -> None:
    tripped(shop)
    shop.send(BAD)
    assert shop.run().breaker.is_open
    assert shop.breaker().held == (Span(0, 10, 19), Span(0, 20, 29))
    shop.send(GOOD)
    assert shop.run().breaker.state == "half_open"
    assert shop.processed() == [*range(10), *range(30, 40)]
    assert shop.quarantined() == list(range(10, 30))


def test_a_batch_too_small_for_the_rule_that_failed_proves_nothing(shop: HeldSource) -> None:
    tripped(shop)
    shop.send(FEW)
    assert shop.run().breaker.is_open
    assert len(shop.log.events()) == 1
    shop.send(FEW)
    assert shop.run().breaker.state == "half_open"
    assert shop.processed() == [*range(10), *range(20, 26)]


def test_a_contract_that_what_is_held_keeps_lets_it_in(shop: HeldSource) -> None:
    tripped(shop)
    shop.source = things(most="100")
    assert shop.run().breaker.state == "half_open"
    assert shop.processed() == list(range(20))
    assert shop.quarantined() == []


def test_a_contract_that_it_still_breaks_is_tried_once(shop: HeldSource) -> None:
    tripped(shop)
    shop.source = things(most="10")
    for _ in range(2):
        assert shop.run().breaker.is_open
    assert [event.kind for event in shop.log.events()] == ["tripped", "probe_failed"]


def test_what_is_released_comes_in_with_its_bad_records_in_quarantine(shop: HeldSource) -> None:
    tripped(shop)
    shop.send(FEW)
    release_held(shop.log, shop.subject, shop.decision())
    assert shop.run().breaker.state == "closed"
    assert shop.processed() == [*range(15), *range(20, 23)]
    assert shop.quarantined() == list(range(15, 20))


def test_what_is_dropped_is_in_quarantine_with_who_and_why(shop: HeldSource) -> None:
    tripped(shop)
    drop_held(shop.log, shop.subject, shop.decision("a test run of theirs"))
    assert shop.run().breaker.state == "half_open"
    assert shop.processed() == list(range(10))
    assert shop.quarantined() == list(range(10, 20))
    table = shop.lake.table("processed/things_quarantine").read(where=[("_offset", "==", 12)])
    assert table["reasons"][0][0]["message"] == "set aside with its batch by ann: a test run of theirs"


def test_a_breaker_opened_by_hand_is_closed_by_no_batch(shop: HeldSource) -> None:
    shop.send(GOOD)
    open_by_hand(shop.log, shop.subject, shop.decision())
    for _ in range(2):
        shop.send(GOOD)
        assert shop.run().breaker.is_open
    assert shop.processed() == []
    close_by_hand(shop.log, shop.subject, shop.decision())
    shop.run()
    assert shop.processed() == list(range(30))


def test_as_many_failures_as_are_declared_open_it(tmp_path: Path) -> None:
    shop = HeldSource(tmp_path / "lake", things(BreakerRules(failed_batches=3)))
    shop.send(BAD)
    assert [shop.run().breaker.state for _ in range(3)] == ["closed", "closed", "open"]
    assert [event.kind for event in shop.log.events()] == ["failed", "failed", "tripped"]
    assert shop.processed() == []


def test_a_good_batch_in_between_starts_the_count_again(tmp_path: Path) -> None:
    shop = HeldSource(tmp_path / "lake", things(BreakerRules(failed_batches=2)))
    for sizes in (BAD, GOOD * 5, BAD):  # the second makes the pending batch good as a whole
        shop.send(sizes)
        assert shop.run().breaker.state == "closed"


def test_as_many_good_batches_as_are_declared_close_it(tmp_path: Path) -> None:
    shop = tripped(HeldSource(tmp_path / "lake", things(BreakerRules(good_batches=2))))
    states = []
    for _ in range(3):
        shop.send(GOOD)
        states.append(shop.run().breaker.state)
    assert states == ["half_open", "half_open", "closed"]
