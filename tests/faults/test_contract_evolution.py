"""A contract that widens the table while workers of both deployments are at it, and one that dies doing so."""

from __future__ import annotations

import polars as pl

from tests.support.faults.events import NAME, event
from tests.support.faults.ingestion import Ingestion


def test_a_worker_that_dies_when_the_table_has_its_columns_is_followed_by_the_next(ingestion: Ingestion) -> None:
    ingestion.declare("roomy")
    ingestion.produce(40)
    ingestion.ingest()
    ingestion.declare("widened")
    ingestion.send([event(n, amount=n / 1000, colour="red") for n in range(1000, 1020)])
    ingestion.die("lake.after_evolution")
    assert ingestion.table("processed").schema().names[-1] == "colour"
    ingestion.settle()
    assert ingestion.table("processed").read().filter(pl.col("colour") == "red").height == 20


def test_workers_with_the_old_and_the_new_contract_at_once_lose_nothing_and_repeat_nothing(
    ingestion: Ingestion,
) -> None:
    ingestion.declare("roomy")
    ingestion.produce(40)
    ingestion.ingest()
    old = ingestion.table("processed").read()
    version = ingestion.table("processed").version()
    ingestion.produce(300)
    workers = [ingestion.start(variant=variant, batch=20) for variant in ("roomy", "widened", "roomy", "widened")]
    for worker in workers:
        code, said = worker.wait()
        assert code == 0, said
    ingestion.declare("widened")
    ingestion.settle()
    assert ingestion.table("processed").read().schema["amount"] == pl.Decimal(18, 4)
    assert ingestion.lake.table(f"processed/{NAME}").read(version=version).equals(old)
