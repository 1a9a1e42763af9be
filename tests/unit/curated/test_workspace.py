"""Pinned snapshots of the lake in a DuckDB file."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from mlinfra_assets.curated.checksum import checksum
from mlinfra_assets.curated.errors import SourceMismatchError
from mlinfra_assets.curated.workspace import Snapshot, Workspace, open_workspace
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from tests.support.processed_tables import order_lines, write_order_lines

RELATION = '"workspace"."processed"."order_lines"'
SNAPSHOT = Snapshot("processed/order_lines", RELATION, {"invoice_no": "varchar", "_offset": "bigint"})


def _rows(workspace: Workspace, columns: str = "*") -> list[tuple]:
    with duckdb.connect(str(workspace.file)) as connection:
        return connection.execute(f"select {columns} from {RELATION} order by all").fetchall()


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "lake"))
    write_order_lines(lake, order_lines()[:2])
    write_order_lines(lake, order_lines()[2:5])
    return lake


def test_a_table_is_shown_at_its_newest_version_with_its_positions(lake: Lake, tmp_path: Path) -> None:
    workspace = open_workspace(tmp_path, lake, [SNAPSHOT])
    version = lake.table("processed/order_lines").version()
    assert len(_rows(workspace)) == 5
    assert workspace.inputs(["processed/order_lines", "processed/none"]) == {"processed/order_lines": version}
    assert workspace.watermark(["processed/order_lines"])["order_lines"].offsets == {0: 4}


def test_a_pinned_table_is_shown_as_it_was_and_one_without_a_pin_is_empty(lake: Lake, tmp_path: Path) -> None:
    version = lake.table("processed/order_lines").version()
    (tmp_path / "old").mkdir()
    (tmp_path / "none").mkdir()
    old = open_workspace(tmp_path / "old", lake, [SNAPSHOT], pins={"processed/order_lines": version - 1})
    assert len(_rows(old)) == 2
    assert old.watermark(["processed/order_lines"])["order_lines"].offsets == {0: 1}
    assert _rows(open_workspace(tmp_path / "none", lake, [SNAPSHOT], pins={})) == []


def test_a_table_that_lacks_a_declared_column_is_refused_by_name(lake: Lake, tmp_path: Path) -> None:
    declared = Snapshot("processed/order_lines", RELATION, {"invoice_no": "varchar", "discount": "double"})
    with pytest.raises(SourceMismatchError, match=r"processed/order_lines \(version \d\) has no column discount"):
        open_workspace(tmp_path, lake, [declared])


def test_a_column_that_no_file_has_yet_is_null(lake: Lake, tmp_path: Path) -> None:
    table = lake.table("processed/order_lines")
    empty = order_lines()[:0].with_columns(pl.lit(None, pl.String).alias("channel"))
    table.append(empty, provenance=Provenance("r", "c"), advance={"x": (None, 1)}, schema_mode="merge")
    declared = Snapshot("processed/order_lines", RELATION, {"invoice_no": "varchar", "channel": "varchar"})
    assert {channel for (channel,) in _rows(open_workspace(tmp_path, lake, [declared]), "channel")} == {None}


def test_a_partitioned_table_is_shown_with_its_partition_column(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    lake.table("processed/order_lines").append(
        order_lines(), provenance=Provenance("r", "c"), partition_by=["invoice_no"]
    )
    assert len({invoice for invoice, _ in _rows(open_workspace(tmp_path, lake, [SNAPSHOT]))}) == 6


def _checksum(select: str) -> str:
    with duckdb.connect() as connection:
        connection.execute(f"create table t as {select}")
        return checksum(connection, "t")


def test_a_checksum_counts_rows_and_types_but_not_their_order() -> None:
    base = _checksum("select * from (values (1, 'a'), (2, null)) as v(n, s)")
    assert base == _checksum("select * from (values (2, null), (1, 'a')) as v(n, s)")
    for other in (
        "select * from (values (1, 'a'), (2, null), (2, null)) as v(n, s)",
        "select * from (values (1, 'a'), (2, '')) as v(n, s)",
        "select * from (values (1, 'a'), (2, 'NULL')) as v(n, s)",
        "select * from (values (1, null), (2, 'a')) as v(n, s)",
        "select * from (values (1::bigint, 'a'), (2, null)) as v(n, s)",
        "select * from (values (1, 'a'), (2, null)) as v(n, t)",
        "select * from (values (null, 'a'), (2, null)) as v(n, s)",
    ):
        assert _checksum(other) != base


@pytest.mark.parametrize(
    ("declared", "kind", "value"),
    [
        ("decimal(18,3)", pl.Decimal(18, 5), Decimal("2.55001")),
        ("bigint", pl.Float64(), 2.5),
        ("bigint", pl.Decimal(18, 1), Decimal("2.5")),
        ("double", pl.Int64(), 2.0),
    ],
)
def test_a_type_that_a_contract_has_widened_is_not_rounded_back(
    declared: str, kind: pl.DataType, value: Decimal | float, tmp_path: Path
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    rows = pl.DataFrame({"x": pl.Series([value]).cast(kind)})
    lake.table("processed/order_lines").append(rows, provenance=Provenance("run", "code"))
    workspace = open_workspace(tmp_path, lake, [Snapshot("processed/order_lines", RELATION, {"x": declared})])
    assert _rows(workspace) == [(value,)]
