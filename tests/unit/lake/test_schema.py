from __future__ import annotations

from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from mlinfra_assets.lake.errors import SchemaMismatchError
from mlinfra_assets.lake.table import LakeTable
from tests.support.lake_rows import BY, numbered, table


@pytest.fixture
def raw(tmp_path: Path) -> LakeTable:
    made = table(tmp_path)
    made.append(numbered(0, 4), provenance=BY)
    return made


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (pl.col("number").cast(pl.Float64), "number is double, in the table int64"),
        (pl.col("number").cast(pl.String), "number is string, in the table int64"),
        (pl.col("number").cast(pl.Int32), "number is int32, in the table int64"),
        (pl.col("number").cast(pl.UInt64), "Delta has no unsigned integers"),
        (pl.col("at").cast(pl.Datetime("ns", "UTC")), "times are UTC with microseconds"),
        (pl.col("at").cast(pl.Datetime("us")), "times are UTC with microseconds"),
        (pl.col("at").dt.convert_time_zone("Europe/London"), "times are UTC with microseconds"),
        (pl.col("payload").cast(pl.String), "payload is string, in the table binary"),
        (pl.lit(None).alias("payload"), "payload is null: give the column a type"),
        (pl.lit("x").alias("paylaod"), "paylaod .string. is not in the table"),
    ],
)
def test_data_of_another_schema_is_refused_and_nothing_is_written(
    raw: LakeTable, change: pl.Expr, complaint: str
) -> None:
    version = raw.version()
    with pytest.raises(SchemaMismatchError, match=complaint):
        raw.append(numbered(5, 9).with_columns(change), provenance=BY)
    with pytest.raises(SchemaMismatchError, match=complaint):
        raw.replace(numbered(5, 9).with_columns(change), provenance=BY)
    assert (raw.version(), raw.count()) == (version, 5)


def test_a_missing_column_is_refused(raw: LakeTable) -> None:
    with pytest.raises(SchemaMismatchError, match=r"payload .binary. is missing"):
        raw.append(numbered(5, 9).drop("payload"), provenance=BY)


def test_columns_may_stand_in_another_order(raw: LakeTable) -> None:
    raw.append(numbered(5, 9).select("payload", "number", "at"), provenance=BY)
    assert raw.read().sort("number").equals(numbered(0, 9))


def test_merging_adds_new_columns_and_fills_absent_ones_with_null(raw: LakeTable) -> None:
    before = raw.version()
    evolved = numbered(5, 6).drop("payload").with_columns(country=pl.lit("France"))
    raw.append(evolved, provenance=BY, schema_mode="merge")
    read = raw.read().sort("number")
    assert read.columns == ["number", "at", "payload", "country"]
    assert read["country"].to_list() == [None] * 5 + ["France"] * 2
    assert read["payload"].null_count() == 2
    assert raw.read(version=before).columns == ["number", "at", "payload"]


def test_merging_never_changes_a_type(raw: LakeTable) -> None:
    with pytest.raises(SchemaMismatchError, match="number is double"):
        raw.append(numbered(5, 6).with_columns(pl.col("number").cast(pl.Float64)), provenance=BY, schema_mode="merge")


def test_a_writer_of_the_old_schema_is_refused_after_a_change(raw: LakeTable, tmp_path: Path) -> None:
    old = table(tmp_path)
    assert old.count() == 5
    raw.append(numbered(5, 5).with_columns(country=pl.lit("France")), provenance=BY, schema_mode="merge")
    with pytest.raises(SchemaMismatchError, match="country"):
        old.append(numbered(6, 6), provenance=BY)


def test_layouts_of_one_type_are_the_same_type(tmp_path: Path) -> None:
    names = table(tmp_path)
    for kind in (pa.string(), pa.large_string(), pa.string_view()):
        names.append(pa.table({"name": pa.array(["a"], kind)}), provenance=BY)
    assert names.schema() == pa.schema([("name", pa.string())])
    assert names.count() == 3


def test_decimals_lists_and_structs_come_back_as_they_were(tmp_path: Path) -> None:
    mixed = table(tmp_path)
    frame = pl.DataFrame(
        {
            "price": pl.Series(["2.550", "-0.001", None]).cast(pl.Decimal(18, 3)),
            "headers": [[{"name": "h", "value": b"\x00\xff"}], [], None],
            "day": pl.Series(["2011-01-01", None, "2011-12-09"]).str.to_date(),
            "flag": [True, False, None],
            "small": pl.Series([1, None, -1], dtype=pl.Int32),
        }
    )
    mixed.append(frame, provenance=BY)
    assert mixed.read().equals(frame)
    assert mixed.read().schema == frame.schema


def test_decimals_of_another_scale_are_refused(tmp_path: Path) -> None:
    prices = table(tmp_path)
    prices.append(pl.DataFrame({"p": pl.Series(["1.5"]).cast(pl.Decimal(18, 3))}), provenance=BY)
    with pytest.raises(SchemaMismatchError, match=r"p is decimal128\(18, 2\), in the table decimal128\(18, 3\)"):
        prices.append(pl.DataFrame({"p": pl.Series(["1.5"]).cast(pl.Decimal(18, 2))}), provenance=BY)


def test_partition_columns_are_part_of_the_schema(tmp_path: Path) -> None:
    lines = table(tmp_path)
    lines.append(numbered(0, 1), provenance=BY, partition_by=["number"])
    with pytest.raises(SchemaMismatchError, match="partitioned by"):
        lines.append(numbered(2, 3), provenance=BY, partition_by=["at"])
    with pytest.raises(SchemaMismatchError, match="no column region"):
        table(tmp_path, "raw/other").append(numbered(0, 1), provenance=BY, partition_by=["region"])
