"""A producer whose messages change in mid-stream, and a contract that follows: every id keeps its place."""

from __future__ import annotations

from tests.support.faults.events import event
from tests.support.faults.ingestion import Ingestion


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
