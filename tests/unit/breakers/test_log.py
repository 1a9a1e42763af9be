"""Breakers as they are kept: events in the lake, whoever writes them, and the state that they come to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from mlinfra_assets.breakers import subjects
from mlinfra_assets.breakers.asking import FrozenError, open_breakers, refuse_if_open
from mlinfra_assets.breakers.decisions import Decision, close_by_hand, drop_held, open_by_hand, release_held
from mlinfra_assets.breakers.event import Draft, Span
from mlinfra_assets.breakers.log import BreakerLog
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance

SHOP, VIEW = subjects.source("order_lines"), subjects.view("customer_features")
AT = datetime(2011, 12, 9, tzinfo=UTC)
RUN = Provenance("run-1", "code")
BATCH = Span(0, 5, 9)


def decision(by: str = "ann", why: str = "they send pounds for pence") -> Decision:
    return Decision(by, why, AT, RUN)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def log(lake: Lake) -> BreakerLog:
    return BreakerLog(lake)


def trip(log: BreakerLog, span: Span = BATCH) -> None:
    draft = Draft("tripped", "open", "few lines break", AT, "15% break the contract", {"records": 5}, (span,), "abc")
    log.record(SHOP, lambda _: draft, RUN)


def test_a_lake_without_breakers_has_none_open(lake: Lake) -> None:
    assert open_breakers(lake, [SHOP, VIEW]) == []
    refuse_if_open(lake, SHOP, VIEW)
    assert not lake.table("registry/breakers").exists()


def test_what_was_opened_stays_open_for_every_process_until_it_is_closed(lake: Lake, log: BreakerLog) -> None:
    open_by_hand(log, VIEW, decision())
    for _ in range(2):
        [found] = open_breakers(Lake(lake.root), [SHOP, VIEW])
        assert (found.subject, found.state, found.since, found.by) == (VIEW, "open", AT, "ann")
    close_by_hand(log, VIEW, decision(why="they corrected it"))
    assert open_breakers(Lake(lake.root), [SHOP, VIEW]) == []


def test_a_consumer_is_refused_with_which_since_when_why_and_what_to_do(lake: Lake, log: BreakerLog) -> None:
    open_by_hand(log, SHOP, decision())
    refuse_if_open(lake, VIEW)
    with pytest.raises(FrozenError) as refused:
        refuse_if_open(lake, VIEW, SHOP)
    for words in ("source/order_lines", "2011-12-09T00:00:00+00:00", "ann", "pounds for pence", "mlinfra breaker show"):
        assert words in str(refused.value)


def test_an_event_keeps_who_when_why_evidence_run_and_positions(log: BreakerLog) -> None:
    trip(log)
    [event] = log.events(SHOP)
    assert event.to_dict() == {
        "number": 1,
        "subject": SHOP,
        "kind": "tripped",
        "state": "open",
        "by": "few lines break",
        "at": AT,
        "why": "15% break the contract",
        "run_id": "run-1",
        "contract": "abc",
        "evidence": {"records": 5},
        "positions": [[0, 5, 9]],
    }


def test_what_is_held_has_to_be_decided_before_the_breaker_closes(log: BreakerLog) -> None:
    trip(log)
    with pytest.raises(InvalidInputError, match=r"partition 0, offsets 5 to 9.*release.*drop"):
        close_by_hand(log, SHOP, decision())
    drop_held(log, SHOP, decision())
    close_by_hand(log, SHOP, decision())
    assert log.breaker(SHOP).state == "closed"


@pytest.mark.parametrize(("decide", "fate"), [(release_held, "publish"), (drop_held, "set_aside")])
def test_a_decision_about_what_is_held_makes_it_half_open_and_is_kept(log: BreakerLog, decide, fate: str) -> None:
    trip(log)
    breaker = decide(log, SHOP, decision("bob", "checked by hand"))
    assert (breaker.state, breaker.held) == ("half_open", ())
    kept = breaker.decided[BATCH]
    assert (kept.fate, kept.by, kept.why, kept.number) == (fate, "bob", "checked by hand", 2)
    with pytest.raises(InvalidInputError, match="holds no batch"):
        decide(log, SHOP, decision())


def test_what_a_person_opened_only_a_person_closes(log: BreakerLog) -> None:
    trip(log)
    open_by_hand(log, SHOP, decision())
    assert release_held(log, SHOP, decision()).state == "open"
    assert log.breaker(SHOP).by_hand
    assert close_by_hand(log, SHOP, decision()).state == "closed"


@pytest.mark.parametrize(("by", "why"), [(" ", "x"), ("ann", "")])
def test_nothing_is_decided_by_nobody_or_for_no_reason(by: str, why: str) -> None:
    with pytest.raises(InvalidInputError, match=r"a name .* and a reason"):
        decision(by, why)


def test_what_makes_no_sense_is_refused_and_changes_nothing(log: BreakerLog) -> None:
    with pytest.raises(InvalidInputError, match="is closed already"):
        close_by_hand(log, SHOP, decision())
    open_by_hand(log, SHOP, decision())
    with pytest.raises(InvalidInputError, match="stays open until it is closed"):
        open_by_hand(log, SHOP, decision("bob"))
    assert [event.kind for event in log.events()] == ["opened"]


def test_writers_at_the_same_time_each_see_what_the_others_did(tmp_path: Path) -> None:
    """Eight writers each open it if it is closed and close it if it is open: the events alternate, without a gap."""

    def turn(number: int) -> None:
        def decide(breaker):
            kind, state = ("closed", "closed") if breaker.is_open else ("opened", "open")
            return Draft(kind, state, f"writer {number}", AT + timedelta(seconds=number), "turn")

        for _ in range(3):
            BreakerLog(Lake(str(tmp_path / "lake"))).record(SHOP, decide, RUN)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(turn, range(8)))
    events = BreakerLog(Lake(str(tmp_path / "lake"))).events()
    assert [event.number for event in events] == list(range(1, 25))
    assert [event.state for event in events] == ["open", "closed"] * 12


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("order_lines", SHOP),
        ("source/order_lines", SHOP),
        ("customer_features", VIEW),
        ("view/customer_features", VIEW),
    ],
)
def test_a_breaker_is_named_by_its_subject_or_by_the_name_alone(text: str, found: str) -> None:
    assert subjects.named(text, ["order_lines"], ["customer_features"]) == found


def test_a_name_that_is_unknown_or_stands_for_two_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="no source or view 'orders'; there are source/order_lines"):
        subjects.named("orders", ["order_lines"], [])
    with pytest.raises(InvalidInputError, match="write source/orders or view/orders"):
        subjects.named("orders", ["orders"], ["orders"])
