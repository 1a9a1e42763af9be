from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.errors import SchemaMismatchError, WriteConflictError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.table import LakeTable
from tests.support.lake_rows import BY, numbered, numbers, table


def snapshot(days: range, value: float) -> pl.DataFrame:
    return pl.DataFrame(
        {"day": [date(2011, 1, d) for d in days], "value": [value for _ in days]},
        schema={"day": pl.Date, "value": pl.Float64},
    )


@pytest.fixture
def daily(tmp_path: Path) -> LakeTable:
    made = table(tmp_path, "features/customers")
    made.replace(snapshot(range(1, 5), 1.0), provenance=BY, partition_by=["day"])
    return made


def test_replacing_everything_leaves_the_new_rows_alone(tmp_path: Path) -> None:
    lines = table(tmp_path)
    lines.append(numbered(0, 9), provenance=BY, advance={"lines/0": (None, 9)})
    commit = lines.replace(numbered(50, 52), provenance=BY)
    assert (commit.rows, commit.version, numbers(lines)) == (3, lines.version(), [50, 51, 52])
    assert lines.progress("lines/0") == 9


def test_replacing_some_days_leaves_the_others(daily: LakeTable) -> None:
    commit = daily.replace(
        snapshot(range(2, 4), 2.0), provenance=BY, where="day >= '2011-01-02' AND day <= '2011-01-03'"
    )
    assert commit.rows == 2
    assert daily.read().sort("day")["value"].to_list() == [1.0, 2.0, 2.0, 1.0]


def test_days_can_be_emptied(daily: LakeTable) -> None:
    daily.replace(snapshot(range(0), 0.0), provenance=BY, where="day >= '2011-01-03'")
    assert daily.read()["day"].sort().to_list() == [date(2011, 1, 1), date(2011, 1, 2)]
    daily.replace(snapshot(range(0), 0.0), provenance=BY)
    assert daily.count() == 0


@pytest.mark.parametrize("streamed", [False, True])
def test_columns_can_come_and_go_where_that_is_asked_for(daily: LakeTable, streamed: bool) -> None:
    other = snapshot(range(2, 4), 2.0).rename({"value": "weight"})
    data = other.to_arrow(compat_level=pl.CompatLevel.oldest())
    where = "day >= '2011-01-02' AND day <= '2011-01-03'"

    with pytest.raises(SchemaMismatchError):
        daily.replace(other, provenance=BY, where=where)
    daily.replace(data.to_reader() if streamed else data, provenance=BY, where=where, schema_mode="merge")

    rows = daily.read().sort("day")
    assert rows["value"].to_list() == [1.0, None, None, 1.0]
    assert rows["weight"].to_list() == [None, 2.0, 2.0, None]


def test_rows_outside_of_what_is_replaced_are_refused(daily: LakeTable) -> None:
    version = daily.version()
    with pytest.raises(InvalidInputError, match="some of the rows are not among those replaced"):
        daily.replace(snapshot(range(2, 4), 2.0), provenance=BY, where="day = '2011-01-02'")
    assert daily.version() == version


def test_a_part_is_not_chosen_by_a_float(daily: LakeTable) -> None:
    with pytest.raises(InvalidInputError, match="float column value"):
        daily.replace(snapshot(range(0), 0.0), provenance=BY, where="value > 0.5")


def test_the_schema_changes_only_on_purpose(daily: LakeTable) -> None:
    wider = snapshot(range(1, 3), 1.0).with_columns(count=pl.lit(1, dtype=pl.Int64))
    with pytest.raises(SchemaMismatchError, match=r"count .int64. is not in the table"):
        daily.replace(wider, provenance=BY)
    with pytest.raises(InvalidInputError, match="cannot change the columns"):
        daily.replace(wider, provenance=BY, where="day > '2011-01-01'", schema_change=True)
    before = daily.version()
    daily.replace(wider, provenance=BY, schema_change=True)
    assert daily.read().sort("day").equals(wider)
    assert daily.partition_columns() == ["day"]
    assert daily.read(version=before).columns == ["day", "value"]


def test_a_reader_is_streamed(daily: LakeTable) -> None:
    def batches() -> Iterator[pa.RecordBatch]:
        for first in range(0, 100, 10):
            days = snapshot(range(1, 11), float(first)).select("value", "day")
            yield days.to_arrow(compat_level=pl.CompatLevel.oldest()).to_batches()[0]

    schema = pa.schema([("value", pa.float64()), ("day", pa.date32())])
    commit = daily.replace(pa.RecordBatchReader.from_batches(schema, batches()), provenance=BY)
    assert (commit.rows, daily.count()) == (100, 100)
    assert daily.read()["value"].sum() == 4500.0


def test_parallel_replacements_of_different_days_all_stay(daily: LakeTable, tmp_path: Path) -> None:
    def work(day: int) -> None:
        other = Lake(str(tmp_path / "lake")).table("features/customers")
        for round_ in range(3):
            other.replace(
                snapshot(range(day, day + 1), float(round_ + day)), provenance=BY, where=f"day = '2011-01-0{day}'"
            )

    threads = [threading.Thread(target=work, args=[day]) for day in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert daily.read().sort("day")["value"].to_list() == [3.0, 4.0, 5.0, 6.0]


def test_racing_replacements_of_the_same_rows_leave_those_of_one(daily: LakeTable, tmp_path: Path) -> None:
    def work(value: float) -> None:
        other = Lake(str(tmp_path / "lake")).table("features/customers")
        for _ in range(4):
            other.replace(snapshot(range(1, 5), value), provenance=BY)

    threads = [threading.Thread(target=work, args=[float(v)]) for v in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert daily.count() == 4
    assert daily.read()["value"].n_unique() == 1


def test_a_reader_that_lost_a_race_is_not_written_twice(daily: LakeTable, tmp_path: Path) -> None:
    other = table(tmp_path, "features/customers")

    def batches() -> Iterator[pa.RecordBatch]:
        other.replace(snapshot(range(1, 3), 9.0), provenance=BY)
        yield snapshot(range(1, 2), 5.0).to_arrow(compat_level=pl.CompatLevel.oldest()).to_batches()[0]

    schema = pa.schema([("day", pa.date32()), ("value", pa.float64())])
    with pytest.raises(WriteConflictError, match="run again"):
        daily.replace(pa.RecordBatchReader.from_batches(schema, batches()), provenance=BY)
    assert daily.read()["value"].to_list() == [9.0, 9.0]
