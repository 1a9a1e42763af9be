"""Runs killed (kill -9) at every point on the way from the stream to the processed table."""

from __future__ import annotations

from mlinfra_assets.fault_points import POINTS
from tests.support.faults.ingestion import Ingestion
from tests.support.faults.systems import each_system

KILLS = (
    "raw.after_read:1",
    "raw.after_read:2",
    "raw.before_commit:2",
    "raw.file_written",
    "raw.after_commit:1",
    "processed.after_read:1",
    "processed.file_written",
    "processed.between_commits:1",
    "processed.after_commit:1",
)


def test_every_point_of_ingestion_is_among_them() -> None:
    points = {point for point in POINTS if point.startswith(("raw.", "processed."))}
    assert {kill.partition(":")[0] for kill in KILLS} == points | {"raw.file_written", "processed.file_written"}


@each_system
def test_killed_at_every_point_nothing_is_lost_and_nothing_comes_twice(ingestion: Ingestion) -> None:
    ingestion.produce(120)
    ingestion.ingest()
    for kill in KILLS:
        ingestion.produce(120)
        ingestion.die(kill)
    ingestion.settle()


def test_killed_while_the_tables_are_made(ingestion: Ingestion) -> None:
    ingestion.produce(60)
    ingestion.die("raw.file_written")
    ingestion.die("processed.file_written")
    ingestion.settle()
