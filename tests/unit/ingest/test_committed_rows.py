"""A batch that was just added to raw goes through the contract from memory, if raw holds it and nothing else waits."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from mlinfra_assets import names
from mlinfra_assets.contracts.contract import Field
from mlinfra_assets.ingest.processed import Validated, validate_source
from mlinfra_assets.ingest.raw import CommittedRows, commit_rows, ensure_raw, raw_rows, raw_table
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.reading import ReadableTable
from mlinfra_assets.streams.records import RECORDS
from tests.support.declared import LIMIT, stream_source

RUN = Provenance("run", "code")
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SOURCE = stream_source(Field("n", "n", "integer", minimum="0"))


def land(lake: Lake, before: dict[int, int], after: dict[int, int], first: int = 0) -> CommittedRows:
    """Add a record for each offset past `before`, up to and including `after`; the first of them is not valid."""
    places = [(p, offset) for p, last in after.items() for offset in range(before.get(p, -1) + 1, last + 1)]
    records = pl.DataFrame(
        {
            "partition": [p for p, _ in places],
            "offset": [offset for _, offset in places],
            "payload": [
                b'{"n":%d,"at":"2026-01-01T00:00:00Z"}' % (offset if n >= first else -1)
                for n, (_, offset) in enumerate(places)
            ],
        },
        schema_overrides={"partition": pl.Int32},
    )
    absent = [pl.lit(None, kind).alias(name) for name, kind in RECORDS.items() if name not in records.columns]
    table = raw_table(lake, SOURCE)
    ensure_raw(table, SOURCE, RUN)
    rows = raw_rows(SOURCE, records.with_columns(absent).select(RECORDS.names()), NOW, RUN.run_id)
    return commit_rows(table, SOURCE, rows, RUN, before, after)


def validate(lake: Lake, committed: CommittedRows | None = None) -> Validated:
    return validate_source(lake, SOURCE, RUN, NOW, max_payload_bytes=LIMIT, committed=committed)


def rows_of(lake: Lake) -> tuple[pl.DataFrame, pl.DataFrame]:
    """What the tables hold in the end."""
    tables = (lake.table(names.table(*key)) for key in (names.processed(SOURCE.name), names.quarantine(SOURCE.name)))
    valid, bad = (table.read().sort(names.PARTITION, names.OFFSET) for table in tables)
    return valid, bad


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tables whose rows are read."""
    found: list[str] = []
    scan = ReadableTable.scan

    def told(table: ReadableTable, *arguments, **options):
        found.append(table.name)
        return scan(table, *arguments, **options)

    monkeypatch.setattr(ReadableTable, "scan", told)
    return found


def test_it_makes_the_same_of_a_batch_and_does_not_read_raw(tmp_path: Path, read: list[str]) -> None:
    lakes = [Lake(str(tmp_path / name)) for name in ("memory", "table")]
    outcomes = []
    for lake, at_hand in zip(lakes, (True, False), strict=True):
        for before, after in (({}, {0: 30, 2: 9}), ({0: 30, 2: 9}, {2: 1_500})):
            committed = land(lake, before, after, first=3)
            read.clear()
            validated = validate(lake, committed if at_hand else None)
            assert (f"raw/{SOURCE.name}" in read) is not at_hand
            assert validated.positions.offsets == {**before, **after}
        outcomes.append(rows_of(lake))
    for by_memory, by_table in zip(*outcomes, strict=True):
        assert by_memory.equals(by_table)
    assert [frame.height for frame in outcomes[0]] == [31 + 1_501 - 6, 6]


def test_what_waits_beside_it_is_read_and_comes_first(tmp_path: Path, read: list[str]) -> None:
    lake = Lake(str(tmp_path))
    land(lake, {}, {0: 9})
    committed = land(lake, {0: 9}, {0: 19})
    read.clear()
    assert validate(lake, committed).valid == 20
    assert f"raw/{SOURCE.name}" in read
    assert rows_of(lake)[0][names.OFFSET].to_list() == list(range(20))


def test_another_partition_that_waits_is_read(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    land(lake, {}, {1: 4})
    committed = land(lake, {1: 4}, {0: 9})
    assert validate(lake, committed).valid == 15


def test_what_a_restore_took_back_is_not_processed(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    land(lake, {}, {0: 9})
    validate(lake)
    committed = land(lake, {0: 9}, {0: 19})
    table = DeltaTable(raw_table(lake, SOURCE).uri)
    table.restore(table.version() - 1)
    assert validate(lake, committed).valid == 0
    assert rows_of(lake)[0].height == 10


def test_the_same_batch_again_changes_nothing(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    committed = land(lake, {}, {0: 9})
    assert validate(lake, committed).valid == 10
    assert validate(lake, committed).reports == []
    assert rows_of(lake)[0].height == 10


def test_a_commit_says_which_version_of_raw_it_was_computed_from(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path))
    committed = land(lake, {}, {0: 9})
    land(lake, {0: 9}, {0: 19})
    validate(lake, committed)
    processed = lake.table(names.table(*names.processed(SOURCE.name)))
    provenance = processed.provenance()
    assert provenance is not None
    assert provenance.inputs[f"raw/{SOURCE.name}"] == committed.version
    assert validate(lake).valid == 10
