from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from operator import eq, ge, gt, le, lt, ne
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.lake.opened import OpenedTable
from mlinfra_assets.lake.predicate import Condition
from mlinfra_assets.lake.table import LakeTable
from tests.support.lake_rows import BY, START, numbered, table

TIMESTAMP = pl.Datetime("us", "UTC")
COMPARED: dict[str, Callable[[Any, Any], pl.Expr]] = {
    "==": eq,
    "!=": ne,
    "<": lt,
    "<=": le,
    ">": gt,
    ">=": ge,
    "in": lambda column, values: column.is_in(values),
}


@pytest.fixture
def raw(tmp_path: Path) -> LakeTable:
    """Three files with the numbers 0..9, 10..19 and 20..29."""
    made = table(tmp_path)
    for first in (0, 10, 20):
        made.append(numbered(first, first + 9), provenance=BY)
    return made


@pytest.mark.parametrize(
    ("where", "files"),
    [
        ([("number", ">", 19)], 1),
        ([("number", ">=", 19)], 2),
        ([("number", "<", 10)], 1),
        ([("number", "<=", 10)], 2),
        ([("number", "==", 15)], 1),
        ([("number", "in", [3, 25])], 2),
        ([("number", "in", [])], 0),
        ([("number", "!=", 15)], 3),
        ([("number", ">", 29)], 0),
        ([("number", ">=", 5), ("number", "<", 10)], 1),
        ([("at", ">=", START + timedelta(seconds=20))], 1),
        ([("at", "<", START)], 0),
    ],
)
def test_files_that_cannot_hold_a_row_are_not_opened(raw: LakeTable, where: list[Condition], files: int) -> None:
    expected = raw.read()
    for column, operator, value in where:
        expected = expected.filter(COMPARED[operator](pl.col(column), value))
    needed = raw.files(where=where)
    assert len(needed) == files
    # Every other file is gone, so a read that opened one would fail.
    for other in set(raw.files()) - set(needed):
        Path(other).unlink()
    assert raw.read(where=where).sort("number").equals(expected.sort("number"))


def test_a_partition_that_does_not_match_is_not_opened(tmp_path: Path) -> None:
    days = table(tmp_path, "features/customers")
    frame = pl.DataFrame({"day": [date(2011, 1, d) for d in (1, 2, 3)], "value": [1.5, None, 3.5]})
    days.replace(frame, provenance=BY, partition_by=["day"])
    where = [("day", ">=", date(2011, 1, 3))]
    for other in set(days.files()) - set(days.files(where=where)):
        Path(other).unlink()
    assert days.read(where=where).equals(frame.tail(1))


def test_partition_values_come_back_as_they_were(tmp_path: Path) -> None:
    sales = table(tmp_path / "a=b c%d #1 ü", "curated/sales")
    frame = pl.DataFrame(
        {
            "country": ["United Kingdom", "a/b=c%d", None, "Österreich", "x"],
            "number": [1, 2, 3, 4, 5],
            "scale": pl.Series([1, 1, 2, 2, 2], dtype=pl.Int32),
        }
    )
    sales.append(frame, provenance=BY, partition_by=["country", "scale"])
    assert sales.read().sort("number").equals(frame)
    assert sales.read(columns=["scale", "country"]).columns == ["scale", "country"]
    assert sales.read(columns=["number"], where=[("country", "==", "a/b=c%d")])["number"].to_list() == [2]
    assert len(sales.files(where=[("country", "==", "United Kingdom")])) == 1
    assert len(sales.read(where=[("country", "!=", "x")])) == 3


def test_columns_come_in_the_order_asked_for(raw: LakeTable) -> None:
    assert raw.scan(columns=["payload", "number"]).collect_schema().names() == ["payload", "number"]


def test_an_empty_table_reads_as_an_empty_frame_of_its_schema(tmp_path: Path) -> None:
    raw = table(tmp_path)
    raw.append(numbered(0, 0).clear(), provenance=BY, partition_by=["number"])
    assert raw.read().equals(numbered(0, 0).clear())
    assert raw.read(columns=["payload"]).schema == pl.Schema({"payload": pl.Binary()})
    assert raw.files() == []


def test_an_old_version_reads_as_it_was(raw: LakeTable) -> None:
    version = raw.version()
    before = raw.read().sort("number")
    raw.append(numbered(30, 39), provenance=BY)
    raw.maintain(small_files=2)
    raw.replace(numbered(0, 0), provenance=BY)
    assert raw.count() == 1
    assert raw.count(version) == 30
    assert raw.read(version=version).sort("number").equals(before)


def test_times_are_found_although_statistics_are_cut_to_milliseconds(tmp_path: Path) -> None:
    raw = table(tmp_path)
    late = datetime(2011, 3, 13, 7, 6, 40, 123_999, tzinfo=UTC)
    raw.append(pl.DataFrame({"at": pl.Series([late], dtype=TIMESTAMP)}), provenance=BY)
    assert raw.read(where=[("at", ">", late - timedelta(microseconds=1))]).height == 1
    assert raw.read(where=[("at", ">=", late)]).height == 1
    assert raw.read(where=[("at", "==", late)]).height == 1
    assert raw.read(where=[("at", ">", late)]).height == 0


def test_nan_is_found_although_no_statistic_knows_it(tmp_path: Path) -> None:
    raw = table(tmp_path)
    raw.append(pl.DataFrame({"x": [1.0, float("nan")]}), provenance=BY)
    assert raw.read(where=[("x", ">", 5.0)]).height == 1


@pytest.mark.parametrize(
    ("columns", "where", "complaint"),
    [
        (["numbr"], [], "no column numbr: did you mean number"),
        (None, [("numbr", "==", 1)], "no column numbr"),
        (None, [("number", "=", 1)], "the operators are"),
        (None, [("number", "==", None)], "never true"),
        (None, [("number", "==", "1")], "cannot be compared with '1'"),
        (None, [("number", "==", True)], "cannot be compared with True"),
        (None, [("number", "in", [1, 1.5])], "cannot be compared with 1.5"),
        (None, [("at", ">", datetime(2011, 1, 1))], "has no zone"),  # noqa: DTZ001 - what is refused
    ],
)
def test_a_read_that_makes_no_sense_is_refused(
    raw: LakeTable, columns: list[str] | None, where: list[Condition], complaint: str
) -> None:
    with pytest.raises(InvalidInputError, match=complaint):
        raw.read(columns=columns, where=where)


def test_a_null_matches_no_condition(tmp_path: Path) -> None:
    raw = table(tmp_path)
    raw.append(pl.DataFrame({"n": pl.Series([None, None], dtype=pl.Int64)}), provenance=BY)
    raw.append(pl.DataFrame({"n": pl.Series([None, 1], dtype=pl.Int64)}), provenance=BY)
    assert raw.read(where=[("n", ">=", -5)])["n"].to_list() == [1]
    assert raw.read(where=[("n", "!=", 7)])["n"].to_list() == [1]


VALUES = {
    "i": st.integers(-(2**63), 2**63 - 1) | st.integers(-2, 2),
    "s": st.text(max_size=50) | st.sampled_from(["z" * 40, "\U0010ffff" * 40, ""]),
    "d": st.dates(date(1, 1, 1), date(9999, 12, 31)),
    "t": st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
}
TYPES = {"i": pl.Int64(), "s": pl.String(), "d": pl.Date(), "t": TIMESTAMP}


@pytest.mark.parametrize("column", list(VALUES))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_pruning_never_hides_a_row(tmp_path_factory: pytest.TempPathFactory, column: str, data: st.DataObject) -> None:
    raw = table(tmp_path_factory.mktemp("lake"))
    files = data.draw(st.lists(st.lists(st.none() | VALUES[column], min_size=1, max_size=4), min_size=1, max_size=3))
    frames = [pl.DataFrame({column: pl.Series(values, dtype=TYPES[column])}) for values in files]
    for frame in frames:
        raw.append(frame, provenance=BY)
    present = [v for values in files for v in values if v is not None]
    bound = data.draw(st.sampled_from(present) if present else VALUES[column])
    everything = pl.concat(frames)
    for operator in ("==", ">", ">=", "<", "<="):
        expected = everything.filter(COMPARED[operator](pl.col(column), pl.lit(bound, dtype=TYPES[column])))
        assert raw.read(where=[(column, operator, bound)]).sort(column).equals(expected.sort(column)), operator
    assert raw.read(where=[(column, "in", [bound])]).height == everything.filter(pl.col(column) == bound).height


def test_a_version_is_read_as_it_is_while_another_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines, other = table(tmp_path), table(tmp_path)
    lines.append(numbered(0, 9), provenance=BY)
    refuse_removed = OpenedTable.refuse_removed

    def just_then(opened: OpenedTable, handle: DeltaTable) -> None:
        other.append(numbered(10, 19), provenance=BY)
        refuse_removed(opened, handle)

    monkeypatch.setattr(OpenedTable, "refuse_removed", just_then)
    version = lines.version()
    assert [lines.read(version=version).height for _ in range(3)] == [10, 10, 10]
