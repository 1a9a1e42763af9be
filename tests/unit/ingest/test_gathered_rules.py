"""Rules that need a number of records, on batches that are smaller: the newest published ones count with them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random

import pytest

from mlinfra_assets.breakers.decisions import release_held
from mlinfra_assets.contracts.contract import BatchRule
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.ingest.recent import Recent
from tests.support.held_source import HeldSource, things

GOOD, HALF_BAD = [1, 1], [1, 99]


@pytest.fixture
def shop(tmp_path: Path) -> HeldSource:
    return HeldSource(tmp_path / "lake", things())


def taken_in(shop: HeldSource, *batches: list[int]) -> HeldSource:
    for sizes in batches:
        shop.send(sizes)
        shop.run()
    return shop


def test_small_batches_do_not_slip_under_a_rule_that_needs_more(shop: HeldSource) -> None:
    taken_in(shop, HALF_BAD, HALF_BAD, HALF_BAD, HALF_BAD)
    [first, *_] = shop.log.events()
    assert (first.kind, first.spans[0].first) == ("tripped", 4)
    assert "60% records that break the contract (3 of 5), 3 published before the batch among them" in first.why
    assert shop.processed() == [0, 2]
    assert shop.quarantined() == [1, 3]


def test_good_records_before_a_batch_count_too(shop: HeldSource) -> None:
    taken_in(shop, [1] * 8, GOOD, [1, 1, 1, 1, 99])
    assert shop.breaker().is_open, "a batch that is large enough stands by itself"


def test_as_many_count_as_the_rule_needs_and_no_more(shop: HeldSource) -> None:
    taken_in(shop, [1] * 40, [99])
    assert shop.breaker().is_open, "1 of 5, not 1 of 41"


def test_another_day_begins_anew(shop: HeldSource) -> None:
    taken_in(shop, HALF_BAD, HALF_BAD)
    shop.clock += timedelta(days=1)
    taken_in(shop, HALF_BAD, HALF_BAD)
    assert shop.log.events() == []


def test_another_contract_begins_anew(shop: HeldSource) -> None:
    taken_in(shop, HALF_BAD, HALF_BAD)
    shop.source = things(most="10")
    taken_in(shop, HALF_BAD, HALF_BAD)
    assert shop.log.events() == []


def test_a_decision_begins_anew(shop: HeldSource) -> None:
    taken_in(shop, HALF_BAD, HALF_BAD, HALF_BAD)
    release_held(shop.log, shop.subject, shop.decision())
    taken_in(shop, GOOD, HALF_BAD, HALF_BAD)
    assert not shop.breaker().is_open or shop.breaker().held[0].first > 8
    assert shop.processed()[:5] == [0, 2, 4, 6, 7]


def test_a_volume_is_one_of_a_batch(tmp_path: Path) -> None:
    volume = BatchRule("many", "rowCount", None, "mustBeGreaterThan", (9,), min_rows=5)
    shop = taken_in(HeldSource(tmp_path / "lake", ruled(volume)), GOOD, GOOD, GOOD, GOOD)
    assert shop.log.events() == []


@pytest.mark.parametrize(
    "rule",
    [
        BatchRule("once", "duplicateValues", "size", "mustBeLessThan", (50,), unit="percent", min_rows=6),
        BatchRule("few", "invalidValues", "size", "mustBeLessThan", (40,), unit="percent", min_rows=6),
    ],
)
def test_rules_of_a_field_gather_too(tmp_path: Path, rule: BatchRule) -> None:
    sizes = [[1, 2], [3, 4], [1, 2]] if rule.metric == "duplicateValues" else [[99, 1], [99, 1], [99, 1]]
    worse = [[1, 1], [1, 1], [1, 1]] if rule.metric == "duplicateValues" else sizes
    fine = [[1, 2], [3, 4], [5, 6]]
    assert not taken_in(HeldSource(tmp_path / "fine", ruled(rule)), *fine).breaker().is_open
    assert taken_in(HeldSource(tmp_path / "worse", ruled(rule)), *worse).breaker().is_open


@pytest.mark.parametrize("seed", range(2))
def test_what_a_consumer_remembers_is_what_the_tables_hold(tmp_path: Path, seed: int) -> None:
    random = Random(seed)
    batches = [[random.choice((1, 1, 1, 1, 1, 99)) for _ in range(random.randint(1, 4))] for _ in range(9)]
    shops = [HeldSource(tmp_path / name, things()) for name in ("forgets", "remembers")]
    shops[1].recent = Recent()
    for shop in shops:
        taken_in(shop, *batches)
    events = [[(e.kind, e.why, e.spans) for e in shop.log.events()] for shop in shops]
    assert events[0] == events[1]
    assert shops[0].processed() == shops[1].processed()
    assert shops[0].quarantined() == shops[1].quarantined()


def ruled(rule: BatchRule) -> Source:
    source = things()
    return replace(source, contract=replace(source.contract, rules=(rule,)))
