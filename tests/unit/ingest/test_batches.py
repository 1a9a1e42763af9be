"""What waits in raw is read in batches that fit into memory, whatever its messages, and each record once."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import Field
from mlinfra_assets.contracts.validate import process
from mlinfra_assets.ingest import processed
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from tests.support.declared import LIMIT, raw_rows, stream_source

RUN = Provenance("run", "code")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOURCE = stream_source(Field("n", "n", "integer"), Field("text", "text", "string"))


def message(number: int, size: int) -> bytes:
    return b'{"n":%d,"at":"2011-01-01T00:00:00Z","text":"%s"}' % (number, b"x" * size)


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[pl.Series]:
    """The payloads of each batch that is read."""
    batches: list[pl.Series] = []

    def counted(source, raw: pl.DataFrame, **options):
        batches.append(raw["payload"])
        return process(source, raw, **options)

    monkeypatch.setattr(processed, "process", counted)
    monkeypatch.setattr(processed, "BATCH_BYTES", 10_000)
    monkeypatch.setattr(processed, "BATCH_RECORDS", 50)
    return batches


def test_a_batch_holds_so_many_records_and_so_many_bytes_at_most(tmp_path: Path, read: list[pl.Series]) -> None:
    lake = Lake(str(tmp_path))
    sizes = [*[10] * 70, *[3_000] * 10, 25_000, *[10] * 3, 30_000]
    rows = raw_rows([*(message(n, size) for n, size in enumerate(sizes)), None, None])
    raw = lake.table(names.table(*names.raw(SOURCE.name)))
    raw.append(rows.reverse(), provenance=RUN, advance={f"{SOURCE.name}/0": (None, rows.height)})
    found = processed.validate_source(lake, SOURCE, RUN, NOW, max_payload_bytes=LIMIT)
    assert (found.valid, found.quarantined) == (len(sizes), 2)
    assert pl.concat(read).to_list() == rows["payload"].to_list()
    assert all(len(batch) <= 50 for batch in read)
    assert all(batch.bin.size().sum() <= 10_000 for batch in read if len(batch) > 1)
    assert [len(batch) for batch in read] == [50, 22, 3, 3, 2, 1, 3, 1, 2]


def test_little_is_read_at_once(tmp_path: Path, read: list[pl.Series]) -> None:
    lake = Lake(str(tmp_path))
    raw = lake.table(names.table(*names.raw(SOURCE.name)))
    raw.append(raw_rows([message(n, 10) for n in range(50)]), provenance=RUN, advance={f"{SOURCE.name}/0": (None, 50)})
    processed.validate_source(lake, SOURCE, RUN, NOW, max_payload_bytes=LIMIT)
    assert [len(batch) for batch in read] == [50]
