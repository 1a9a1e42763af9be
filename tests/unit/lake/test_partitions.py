"""What the log says of partitions, and commits that carry no rows."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets.lake.errors import MissingTableError
from mlinfra_assets.lake.table import LakeTable
from tests.support.lake_rows import BY, numbered, table


def days(*numbers: int) -> pl.DataFrame:
    columns = {"day": [date(2011, 1, n) for n in numbers], "n": list(numbers)}
    return pl.DataFrame(columns, schema={"day": pl.Date(), "n": pl.Int64()})


@pytest.fixture
def daily(tmp_path: Path) -> LakeTable:
    made = table(tmp_path, "features/customers")
    made.replace(days(1, 1, 2, 3), provenance=BY, partition_by=["day"])
    return made


def test_partitions_have_the_rows_of_their_files(daily: LakeTable) -> None:
    daily.append(days(2, 2), provenance=BY)

    found = daily.partitions()

    assert found.select("day", "rows").rows() == [(date(2011, 1, 1), 2), (date(2011, 1, 2), 3), (date(2011, 1, 3), 1)]
    assert found["files"].list.len().to_list() == [1, 2, 1]


def test_only_a_partition_that_is_replaced_has_other_files(daily: LakeTable) -> None:
    before = dict(daily.partitions().select("day", "files").iter_rows())

    daily.replace(days(2, 2), provenance=BY, where="day = '2011-01-02'")

    after = dict(daily.partitions().select("day", "files").iter_rows())
    assert [day.day for day in after if after[day] != before[day]] == [2]
    assert dict(daily.partitions(1).select("day", "files").iter_rows()) == before


def test_a_partition_that_was_emptied_is_gone(daily: LakeTable) -> None:
    daily.replace(days(), provenance=BY, where="day = '2011-01-02'")

    assert [day.day for day in daily.partitions()["day"]] == [1, 3]


def test_a_table_without_partitions_is_one(tmp_path: Path) -> None:
    lines = table(tmp_path)
    lines.append(numbered(0, 9), provenance=BY)

    assert lines.partitions()["rows"].to_list() == [10]


def test_a_note_changes_no_rows_and_says_where_the_table_stands(daily: LakeTable) -> None:
    rows, version = daily.read().sort("n"), daily.version()
    later = replace(BY, run_id="later", inputs={"curated/lines": 7})

    commit = daily.note(later)

    assert (commit.version, commit.rows) == (version + 1, 0)
    assert daily.version() == version + 1
    assert daily.read().sort("n").equals(rows)
    assert daily.provenance() == later
    assert daily.provenance(version) == BY
    daily.append(days(4), provenance=BY)
    assert daily.count() == 5


def test_there_is_nothing_to_note_of_a_table_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(MissingTableError):
        table(tmp_path).note(BY)


def test_bounds_are_those_of_all_rows_and_known_without_reading_any(tmp_path: Path) -> None:
    lines = table(tmp_path)
    lines.append(days(3), provenance=BY, stats_columns=["n"])
    lines.append(days(9, 2), provenance=BY)
    lines.append(days(), provenance=BY, advance={"app": (None, 1)})
    for file in (tmp_path / "lake").rglob("*.parquet"):
        file.unlink()

    assert lines.bounds("n") == (2, 9)
    assert lines.bounds("n", 1) == (3, 3)
    assert lines.bounds("day") is None


def test_a_table_without_rows_has_no_bounds(tmp_path: Path) -> None:
    lines = table(tmp_path)
    lines.append(days(), provenance=BY)
    assert lines.bounds("n") is None
