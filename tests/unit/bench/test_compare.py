from pathlib import Path

import polars as pl
import pytest

from bench.harness.compare import WrongResultsError, compare

OURS = pl.DataFrame({"id": [0, 1, 2], "a": [1.5, None, 3.0], "b": [7, 8, None]})


def written(folder: Path, name: str, frame: pl.DataFrame) -> Path:
    path = folder / name
    frame.write_parquet(path)
    return path


def compared(folder: Path, found: pl.DataFrame, *, may_lose_rows: bool = False):
    ours = written(folder, "ours.parquet", OURS)
    return compare("peer", ours, written(folder, "theirs.parquet", found), ["id"], may_lose_rows=may_lose_rows)


def test_order_and_width_of_integers_do_not_matter(tmp_path):
    found = OURS.reverse().select("b", "a", "id").cast({"b": pl.Int32})
    assert compared(tmp_path, found).rows == 3


def test_a_different_value_is_told_with_the_number_of_rows_and_an_example(tmp_path):
    found = OURS.with_columns(pl.Series("a", [1.5, None, 3.0000000000000004]))
    with pytest.raises(
        WrongResultsError, match=r"peer: 1 of 3 rows differ, in a; .* id=2; a=3\.0, .* a=3\.0000000000000004"
    ):
        compared(tmp_path, found)


def test_a_null_is_not_a_value(tmp_path):
    with pytest.raises(WrongResultsError, match=r"2 of 3 rows differ, in a, b"):
        compared(tmp_path, OURS.with_columns(pl.col("a").fill_null(0.0), pl.col("b").fill_null(0)))


def test_a_missing_row_is_wrong(tmp_path):
    with pytest.raises(WrongResultsError, match=r"2 rows instead of 3"):
        compared(tmp_path, OURS.head(2))


def test_a_missing_column_is_wrong(tmp_path):
    with pytest.raises(WrongResultsError, match=r"no column b"):
        compared(tmp_path, OURS.drop("b"))


def test_rows_with_a_null_may_be_lost_where_that_is_said(tmp_path):
    assert compared(tmp_path, OURS.head(1), may_lose_rows=True).lost == 2


def test_a_row_without_a_null_may_not_be_lost(tmp_path):
    with pytest.raises(WrongResultsError, match=r"0 rows instead of 1"):
        compared(tmp_path, OURS.clear(), may_lose_rows=True)
