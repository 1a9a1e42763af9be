"""Tables that an operator takes back to an earlier version with Delta's own tool."""

from __future__ import annotations

import pytest
from deltalake import DeltaTable

from tests.support.faults.ingestion import Ingestion
from tests.support.faults.systems import each_system

ZONES = ("raw", "processed", "quarantine")


def restore(ingestion: Ingestion, zone: str, back: int) -> None:
    """Take a table back by a number of versions."""
    table = DeltaTable(ingestion.table(zone).uri)
    table.restore(table.version() - back)


@pytest.fixture
def filled(ingestion: Ingestion) -> Ingestion:
    """Six batches in every table."""
    for _ in range(6):
        ingestion.produce(40)
        ingestion.ingest()
    return ingestion


@pytest.mark.parametrize("zone", ZONES)
def test_what_was_rolled_back_comes_in_again_once(filled: Ingestion, zone: str) -> None:
    restore(filled, zone, 3)
    assert filled.table(zone).count() < {"raw": 240, "processed": 220, "quarantine": 15}[zone]
    filled.produce(40)
    filled.settle()
    restore(filled, zone, 1)
    filled.settle()


@each_system
def test_all_tables_at_once_and_then_a_worker_that_dies(filled: Ingestion) -> None:
    for zone in ZONES:
        restore(filled, zone, 2)
    filled.produce(40)
    filled.die("raw.file_written")
    filled.die("raw.after_commit")
    restore(filled, "raw", 1)
    filled.die("processed.between_commits")
    restore(filled, "quarantine", 1)
    filled.settle()


def test_a_table_taken_back_to_its_very_beginning(filled: Ingestion) -> None:
    for zone in ZONES:
        restore(filled, zone, DeltaTable(filled.table(zone).uri).version())
    filled.settle()


def test_a_table_that_is_compacted_after_its_restore(filled: Ingestion) -> None:
    for zone in ZONES:
        restore(filled, zone, 2)
        filled.table(zone).maintain(small_files=1)
    filled.settle()
