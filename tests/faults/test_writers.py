"""Several writers of one source at a time, and writers who are not told that their commit went in."""

from __future__ import annotations

from contextlib import nullcontext

import pytest
from deltalake.exceptions import CommitFailedError

from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.lake import appending
from tests.support.faults.faulty_stream import losing_an_answer
from tests.support.faults.ingestion import Ingestion
from tests.support.faults.systems import each_system

WRITERS = 8


@each_system
def test_eight_writers_of_one_source_bring_in_every_record_once(ingestion: Ingestion) -> None:
    ingestion.produce(400)
    writers = [ingestion.start(until=600, batch=20) for _ in range(WRITERS)]
    ingestion.produce(200)
    assert [writer.wait() for writer in writers] == [(0, "")] * WRITERS
    ingestion.validate()
    ingestion.check()


@pytest.mark.parametrize(
    "answer", [CommitFailedError("the version is there already"), OSError("error sending request: timed out")]
)
@pytest.mark.parametrize("nth", range(1, 6))
def test_a_commit_whose_answer_is_lost_is_found_to_be_there(
    ingestion: Ingestion, monkeypatch: pytest.MonkeyPatch, answer: Exception, nth: int
) -> None:
    """The `nth` append goes in, but its writer is told otherwise: what an object store's lost answer looks like."""
    ingestion.produce(90)
    monkeypatch.setattr(appending, "write_deltalake", losing_an_answer(answer, nth))
    with nullcontext() if isinstance(answer, CommitFailedError) else pytest.raises(MlinfraError, match="run again"):
        ingestion.ingest(batch=40)
    ingestion.settle()
    assert ingestion.table("raw").count() == 90
