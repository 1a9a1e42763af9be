"""What waits in raw is read in batches that fit into memory, whatever its messages, and each record once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import Field
from mlinfra_assets.contracts.validate import process
from mlinfra_assets.ingest import judging, processed, waiting
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

    monkeypatch.setattr(judging, "process", counted)
    monkeypatch.setattr(waiting, "BATCH_BYTES", 10_000)
    monkeypatch.setattr(waiting, "BATCH_RECORDS", 50)
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


def test_what_says_nothing_new_of_its_key_is_left_out_whatever_batch_it_is_in(tmp_path: Path, read) -> None:
    lake, keyed = Lake(str(tmp_path)), replace(SOURCE, contract=replace(SOURCE.contract, primary_key=("n",)))
    raw = lake.table(names.table(*names.raw(SOURCE.name)))
    sent = [(n % 7, n // 70) for n in range(140)]  # each of seven keys changes once, and is said ten times a value
    for partition in (2, 5):
        rows = raw_rows([message(n, size) for n, size in sent]).with_columns(partition=pl.lit(partition, pl.Int32))
        raw.append(rows, provenance=RUN, advance={f"{SOURCE.name}/{partition}": (None, rows.height)})
    found = processed.validate_source(lake, keyed, RUN, NOW, max_payload_bytes=LIMIT)
    assert [len(batch) for batch in read] == [50, 50, 40] * 2
    kept = lake.table(names.table(*names.processed(SOURCE.name))).read()
    assert found.valid == kept.height == 7 * (2 + 2)
    assert sorted(kept["n"].unique()) == list(range(7))
