"""Batches: the rows of a read, a part of a file at a time, at one version."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.errors import LakeCorruptError, MissingTableError
from mlinfra_assets.lake.table import LakeTable
from tests.support.lake_rows import BY, numbered, table


@pytest.fixture
def raw(tmp_path: Path) -> LakeTable:
    """Three files of ten rows."""
    made = table(tmp_path)
    for first in (0, 10, 20):
        made.append(numbered(first, first + 9), provenance=BY)
    return made


@pytest.mark.parametrize("rows", [1, 3, 10, 1_000])
def test_batches_are_the_rows_of_a_read(raw: LakeTable, rows: int) -> None:
    batches = list(raw.batches(["payload", "number"], rows=rows))
    assert pl.concat(batches).equals(raw.read(["payload", "number"]))
    assert max(batch.height for batch in batches) == min(rows, 10)


def test_conditions_hold_in_batches_and_none_is_empty(raw: LakeTable) -> None:
    batches = list(raw.batches(where=[("number", "in", [3, 4, 25])], rows=4))
    assert [batch["number"].to_list() for batch in batches] == [[3], [4], [25]]


def test_partition_values_and_columns_that_an_old_file_lacks_are_filled_in(tmp_path: Path) -> None:
    days = table(tmp_path)
    first = pl.DataFrame({"day": [date(2011, 1, 1), date(2011, 1, 2)], "n": [1, 2]})
    days.append(first, provenance=BY, partition_by=["day"])
    days.append(first.with_columns(extra=pl.lit("x")), provenance=BY, schema_mode="merge")
    assert pl.concat(days.batches(["day", "n", "extra"], rows=1)).sort("day", "extra").rows() == [
        (date(2011, 1, 1), 1, None),
        (date(2011, 1, 1), 1, "x"),
        (date(2011, 1, 2), 2, None),
        (date(2011, 1, 2), 2, "x"),
    ]


def test_batches_stay_at_the_version_that_they_were_asked_of(raw: LakeTable) -> None:
    first = raw.version()
    batches = raw.batches(["number"], rows=10)
    taken = [next(batches)]
    raw.append(numbered(30, 39), provenance=BY)
    assert pl.concat([*taken, *batches]).height == 30
    assert pl.concat(raw.batches(["number"], version=first)).height == 30
    assert pl.concat(raw.batches(["number"])).height == 40


def test_an_empty_table_has_no_batches(tmp_path: Path) -> None:
    empty = table(tmp_path)
    empty.append(numbered(0, 0).clear(), provenance=BY)
    assert list(empty.batches()) == []


def test_what_cannot_be_read_is_said_at_once(raw: LakeTable, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="did you mean number"):
        raw.batches(["numbr"])
    with pytest.raises(MissingTableError):
        table(tmp_path, "raw/other").batches()


def test_a_cut_file_is_named(raw: LakeTable) -> None:
    file = Path(raw.files()[1])
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(LakeCorruptError, match=file.name):
        list(raw.batches())
