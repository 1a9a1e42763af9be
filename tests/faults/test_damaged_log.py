"""A last commit that a power cut left empty or half-written: the tables say so, and nothing is lost on the way back."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from mlinfra_assets.lake import health
from mlinfra_assets.lake.errors import LakeCorruptError
from tests.support.faults.ingestion import Ingestion

ZONES = ("raw", "processed", "quarantine")
each_zone = pytest.mark.parametrize("zone", ZONES)
each_cut = pytest.mark.parametrize("share", [0.0, 0.5], ids=["zero-length", "half-written"])


@pytest.fixture
def filled(ingestion: Ingestion) -> Ingestion:
    for _ in range(3):
        ingestion.produce(40)
        ingestion.ingest()
    return ingestion


def cut(folder: Path, share: float) -> None:
    """Leave only a part of the last commit of a table."""
    last = health.log_file(folder, health.confirmed(folder) or 0)
    last.write_bytes(last.read_bytes()[: int(last.stat().st_size * share)])


def reopened(ingestion: Ingestion) -> Ingestion:
    """What a process sees that starts after the power is back."""
    again = Ingestion(ingestion.settings, ingestion.task)
    again.sent, again.bad = ingestion.sent, ingestion.bad
    return again


@each_cut
@each_zone
def test_a_torn_commit_that_nobody_was_told_of_is_deleted_and_comes_in_again(
    filled: Ingestion, zone: str, share: float
) -> None:
    folder = Path(filled.table(zone).uri)
    last = health.confirmed(folder)
    assert last is not None
    (folder / health.CONFIRMED).write_text(f"{last - 1:020d}")
    cut_to = health.log_file(folder, last)
    cut_to.write_bytes(cut_to.read_bytes()[: int(cut_to.stat().st_size * share)])
    after = reopened(filled)
    after.produce(40)

    with pytest.raises(LakeCorruptError, match="delete that file and run again, and nothing is lost") as refused:
        after.ingest()
    named = re.search(r"commit file (\S+\.json)", str(refused.value))
    assert named is not None
    Path(named[1]).unlink()

    reopened(after).settle()


@each_cut
@each_zone
def test_a_torn_commit_that_was_confirmed_is_not_written_over_and_a_copy_sets_it_right(
    filled: Ingestion, tmp_path: Path, zone: str, share: float
) -> None:
    folder, copy = Path(filled.table(zone).uri), tmp_path / "copy"
    shutil.copytree(folder, copy)
    cut(folder, share)
    after = reopened(filled)
    after.produce(40)

    with pytest.raises(LakeCorruptError, match="restore the table's folder from a copy"):
        after.ingest()
    shutil.rmtree(folder)
    shutil.copytree(copy, folder)

    reopened(after).settle()
