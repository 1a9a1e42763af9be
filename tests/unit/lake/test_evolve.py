"""A table gets columns and wider types: nothing is lost, old versions stay, appends may race with it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import LakeTable, ProgressConflictError, SchemaMismatchError
from mlinfra_assets.positions import Positions

RUN = Provenance("run", "code", positions={"s": Positions({0: 1})})
NARROW = pl.Schema({"id": pl.Int64(), "x": pl.Int64(), "d": pl.Decimal(18, 2)})
WIDE = pl.Schema({"id": pl.Int64(), "x": pl.Float64(), "d": pl.Decimal(18, 3), "new": pl.String()})


@pytest.fixture
def table(tmp_path: Path) -> LakeTable:
    table = Lake(str(tmp_path)).table("t")
    rows = pl.DataFrame({"id": [1, 2], "x": [7, None], "d": [Decimal("1.10"), Decimal("-2.25")]}, schema=NARROW)
    table.append(rows, provenance=RUN, advance={"s/0": (None, 1)}, stats_columns=["id"])
    return table


def test_integers_become_numbers_and_decimals_get_digits_in_one_commit(table: LakeTable) -> None:
    assert table.lacks(WIDE)
    version = table.evolve(WIDE, provenance=RUN, advance={"s/0": (1, 1)})
    assert version == table.version() == 2
    assert not table.lacks(WIDE)
    found = table.read().sort("id")
    assert found.schema == WIDE
    assert found.rows() == [(1, 7.0, Decimal("1.100"), None), (2, None, Decimal("-2.250"), None)]
    assert table.progress("s/0") == 1
    assert table.provenance() == RUN


def test_old_versions_keep_their_types_and_rows(table: LakeTable) -> None:
    table.evolve(WIDE, provenance=RUN, advance={"s/0": (1, 1)})
    old = table.read(version=1).sort("id")
    assert old.schema == NARROW
    assert old["x"].to_list() == [7, None]


def test_a_new_column_alone_touches_no_file(table: LakeTable) -> None:
    before = table.files()
    table.evolve(pl.Schema({"new": pl.String()}), provenance=RUN, advance={"s/0": (1, 1)})
    assert table.files() == before
    assert table.read()["new"].to_list() == [None, None]


def test_what_a_table_has_already_is_no_commit(table: LakeTable) -> None:
    assert table.evolve(NARROW, provenance=RUN) is None
    table.evolve(WIDE, provenance=RUN)
    assert table.evolve(NARROW, provenance=RUN) is None
    assert table.schema().names == ["id", "x", "d", "new"]
    assert table.version() == 2


def test_rows_of_a_narrower_type_are_widened_to_the_tables(table: LakeTable) -> None:
    table.evolve(WIDE, provenance=RUN)
    rows = pl.DataFrame({"id": [3], "x": [4], "d": [Decimal("0.01")]}, schema=NARROW)
    table.append(table.widened(rows), provenance=RUN, schema_mode="merge")
    assert table.read(where=[("id", "==", 3)]).rows() == [(3, 4.0, Decimal("0.010"), None)]


def test_types_that_do_not_go_together_are_refused(table: LakeTable) -> None:
    with pytest.raises(SchemaMismatchError, match="column x is Int64, and String is neither wider nor narrower"):
        table.evolve(pl.Schema({"x": pl.String()}), provenance=RUN)
    assert table.version() == 1


def test_a_value_that_the_wider_type_does_not_hold_is_refused(table: LakeTable) -> None:
    rows = pl.DataFrame({"id": [3], "x": [2**53 + 1], "d": [None]}, schema=NARROW)
    table.append(rows, provenance=RUN, schema_mode="merge")
    with pytest.raises(InvalidInputError, match=r"column x holds values from .* to 9007199254740993"):
        table.evolve(WIDE, provenance=RUN)
    assert table.version() == 2
    assert table.read().height == 3


def test_another_progress_than_the_writer_believes_in_is_refused(table: LakeTable) -> None:
    with pytest.raises(ProgressConflictError):
        table.evolve(WIDE, provenance=RUN, advance={"s/0": (0, 0)})
    assert table.version() == 1


def test_no_append_that_races_with_it_is_lost(tmp_path: Path) -> None:
    first, last = 1, 40
    Lake(str(tmp_path)).table("t").append(pl.DataFrame(schema=NARROW), provenance=RUN)

    def append() -> None:
        table = Lake(str(tmp_path)).table("t")
        for number in range(first, last + 1):
            rows = pl.DataFrame({"id": [number], "x": [number], "d": [None]}, schema=NARROW)
            while True:
                done = table.progress("s/0")
                try:
                    table.append(
                        table.widened(rows), provenance=RUN, advance={"s/0": (done, number)}, schema_mode="merge"
                    )
                except (ProgressConflictError, SchemaMismatchError):
                    continue
                break

    def evolve() -> None:
        table = Lake(str(tmp_path)).table("t")
        kinds = (pl.Decimal(18, 0), pl.Decimal(18, 1), pl.Decimal(18, 2), pl.Decimal(18, 3))
        for kind in kinds:
            while table.lacks(pl.Schema({"x": kind})):
                done = table.progress("s/0")
                try:
                    table.evolve(
                        pl.Schema({"x": kind}), provenance=RUN, advance={"s/0": (done, -1 if done is None else done)}
                    )
                except ProgressConflictError:
                    continue

    with ThreadPoolExecutor(2) as threads:
        for future in [threads.submit(append), threads.submit(evolve)]:
            future.result()
    found = Lake(str(tmp_path)).table("t").read().sort("id")
    assert found["id"].to_list() == list(range(first, last + 1))
    assert found.schema["x"] == pl.Decimal(18, 3)
    assert found["x"].cast(pl.Int64).to_list() == found["id"].to_list()
