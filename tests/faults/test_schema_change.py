"""A producer whose messages change in mid-stream, and a contract that follows: every id keeps its place."""

from __future__ import annotations

import pytest

from mlinfra_assets.errors import MlinfraError
from tests.support.consuming import until
from tests.support.faults.events import event
from tests.support.faults.ingestion import Ingestion
from tests.support.faults.systems import each_system


@each_system
def test_a_compatible_change_of_producer_and_contract_loses_nothing(ingestion: Ingestion) -> None:
    ingestion.produce(40)
    ingestion.ingest()
    before = len(ingestion.sent)
    ingestion.send([event(n, colour="red") for n in range(1000, 1020)])  # the producer is ahead of the contract
    ingestion.ingest()
    ingestion.declare("wider")
    ingestion.send([event(n, colour="blue") for n in range(1020, 1040)])
    ingestion.die("processed.between_commits")
    ingestion.settle()
    colours = ingestion.table("processed").read().group_by("colour").len().rows()
    assert dict(colours) == {None: before - len(ingestion.bad) + 20, "blue": 20}


def test_messages_that_the_contract_cannot_take_are_set_aside(ingestion: Ingestion) -> None:
    ingestion.produce(40)
    ingestion.ingest()
    ids = range(1000, 1020)
    ingestion.send([event(n, amount={"pounds": 1}) for n in ids], bad=ids)
    ingestion.produce(40)
    ingestion.settle()


@pytest.mark.parametrize(("before", "after"), [("free", "stricter"), ("stricter", "free")])
def test_a_rule_that_changes_between_a_batchs_two_commits_leaves_each_record_in_one_table(
    ingestion: Ingestion, before: str, after: str
) -> None:
    ingestion.declare(before)
    ingestion.send([event(n, amount=-1 if n == 7 else n / 10) for n in range(30)], bad=[7])
    ingestion.die("processed.between_commits")
    ingestion.declare(after)
    ingestion.send([event(n, amount=5) for n in range(30, 40)])
    ingestion.ingest()
    ingestion.ingest()
    ingestion.bad = [7, *(n for n in range(10) if n != 7)]
    ingestion.check()


def test_a_contract_that_the_table_cannot_follow_stops_there_and_raw_goes_on(ingestion: Ingestion) -> None:
    ingestion.produce(40)
    ingestion.ingest()
    ingestion.declare("retyped")
    ingestion.produce(40)
    ingestion.land()
    for _ in range(2):
        with pytest.raises(MlinfraError, match="amount"):
            ingestion.validate()
        ingestion.produce(20)
        ingestion.land()
    assert ingestion.table("raw").count() == len(ingestion.sent)
    ingestion.declare("plain")
    ingestion.settle()


@each_system
def test_a_contract_evolves_while_consumers_of_both_versions_run(ingestion: Ingestion) -> None:
    def landed() -> bool:
        return ingestion.table("raw").exists() and ingestion.table("raw").count() >= len(ingestion.sent)

    workers = [ingestion.start(follow=True, batch=20) for _ in range(2)]
    ingestion.produce(60)
    until(landed)
    ingestion.declare("wider")
    workers += [ingestion.start(follow=True, batch=20) for _ in range(2)]
    ingestion.send([event(n, colour="blue") for n in range(1000, 1060)])
    until(landed)
    for old in workers[:2]:
        assert old.process.is_alive(), "the table's new column stops no older consumer"
        old.kill()
    ingestion.send([event(n, colour="green") for n in range(2000, 2060)])
    until(landed)
    for new in workers[2:]:
        assert new.process.is_alive()
        new.kill()
    ingestion.settle()
    rows = ingestion.table("processed").read(["id", "colour"])
    assert set(rows.filter(rows["id"] >= 2000)["colour"]) == {"green"}
    assert set(rows.filter(rows["id"] < 1000)["colour"]) == {None}
