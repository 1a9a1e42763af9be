"""Maintenance of a lake: what is read again stays readable, writers at work lose nothing, and it says what it does."""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.lake.table import ProgressConflictError
from mlinfra_assets.learning.store import VERSIONS_SCHEMA
from mlinfra_assets.maintenance.maintain import TableReport, maintain
from mlinfra_assets.maintenance.pins import pins
from mlinfra_assets.publishing.snapshots import LAST_DAY
from mlinfra_assets.settings import Settings
from tests.support.lake_rows import BY, numbered

NOW = timedelta()
LINES = "processed/lines"


def grow(lake: Lake, name: str, first: int, last: int) -> None:
    for number in range(first, last + 1):
        advance = {"lines/0": (number - 1 if number else None, number)}
        lake.table(name).append(numbered(number, number), provenance=BY, advance=advance, stats_columns=["number"])


def resting_on(version: int, **extra: str) -> Provenance:
    return Provenance("run-2", "code", inputs={LINES: version}, extra=extra)


def run(lake: Lake, *tables: str, dry_run: bool = False) -> dict[str, TableReport]:
    found = maintain(lake, tables or lake.tables(), NOW, "run-3", dry_run=dry_run)
    return {one.table: one for one in found}


def readable(lake: Lake, name: str, version: int) -> bool:
    try:
        lake.table(name).read(version=version)
    except UnavailableError:
        return False
    return True


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    """A processed table of 41 versions, and tables that rest on some of them."""
    made = Lake(str(tmp_path / "lake"))
    grow(made, LINES, 0, 39)
    day = pl.DataFrame({"day": [date(2011, 1, 1)], "value": [1]})
    made.table("features/view").replace(
        day, provenance=resting_on(10, **{LAST_DAY: "2011-01-01"}), partition_by=("day",)
    )
    made.table("curated/model").replace(numbered(0, 9), provenance=resting_on(11))
    made.table("curated/model").replace(numbered(0, 9), provenance=resting_on(12))
    for version in (20, 21, 22):
        made.table("training/churn").replace(numbered(0, version), provenance=resting_on(version))
    trained = dict.fromkeys(VERSIONS_SCHEMA) | {
        "number": 1,
        "version": "abc",
        "trained_at": datetime(2011, 1, 1, tzinfo=UTC),
        "training_table": "training/churn",
        "training_version": 1,
    }
    made.table("models/churn").append(pl.DataFrame([trained], schema=VERSIONS_SCHEMA), provenance=BY)
    return made


def test_versions_that_are_read_again_are_known(lake: Lake) -> None:
    assert {(pin.table, pin.version) for pin in pins(lake)} == {
        (LINES, 10),  # what goes online
        (LINES, 12),  # the newest build of the model
        (LINES, 20),  # the training set of the stored model, which is version 1
        (LINES, 22),  # the newest training set
        ("training/churn", 1),
        ("training/churn", 3),
    }


def test_what_is_read_again_stays_readable_and_the_rest_goes(lake: Lake) -> None:
    before = {version: lake.table(LINES).read(version=version).sort("number") for version in (10, 12, 20, 22)}

    found = run(lake)

    assert found[LINES].merged == 40
    assert found[LINES].after.files == 1
    assert found[LINES].removed == 40 - 22
    assert {pin.version for pin in found[LINES].pinned} == set(before)
    for version, rows in before.items():
        assert lake.table(LINES).read(version=version).sort("number").equals(rows)
    assert [v for v in range(1, 41) if readable(lake, LINES, v)] == sorted(before)
    assert lake.table(LINES).read()["number"].sort().to_list() == list(range(40))
    assert [readable(lake, "training/churn", v) for v in (1, 2, 3)] == [True, False, True]
    assert [readable(lake, "curated/model", v) for v in (1, 2)] == [False, True]


def test_a_dry_run_says_what_would_go_and_changes_nothing(lake: Lake) -> None:
    versions = {name: lake.table(name).version() for name in lake.tables()}

    said = run(lake, dry_run=True)

    assert {name: lake.table(name).version() for name in lake.tables()} == versions
    assert said[LINES].merged == 40
    assert said["training/churn"].removed == 1
    assert said["training/churn"].removed == run(lake)["training/churn"].removed


def test_a_second_time_there_is_nothing_to_do(lake: Lake) -> None:
    run(lake)
    versions = {name: lake.table(name).version() for name in lake.tables()}

    again = run(lake)

    assert {(one.merged, one.removed) for one in again.values()} == {(0, 0)}
    assert {name: lake.table(name).version() for name in lake.tables()} == versions


def test_files_of_snapshots_are_left_as_they_were_written(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    for number in range(40):
        rows = pl.DataFrame({"day": [date(2011, 1, 1)], "value": [number]})
        lake.table("features/view").append(rows, provenance=BY, partition_by=("day",))
    written = lake.table("features/view").files()

    assert run(lake)["features/view"].merged == 0
    assert lake.table("features/view").files() == written


def test_appends_at_the_same_time_lose_nothing_and_repeat_nothing(tmp_path: Path) -> None:
    root, count = str(tmp_path / "lake"), 120
    grow(Lake(root), LINES, 0, 0)

    def write() -> None:
        table = Lake(root).table(LINES)
        while (done := table.progress("lines/0") or 0) < count - 1:
            try:
                advance = {"lines/0": (done, done + 1)}
                table.append(numbered(done + 1, done + 1), provenance=BY, advance=advance)
            except ProgressConflictError:
                continue

    writers = [threading.Thread(target=write) for _ in range(2)]
    for writer in writers:
        writer.start()
    merged = 0
    while any(writer.is_alive() for writer in writers):
        # An hour: what a writer is just writing is no leftover.
        merged += maintain(Lake(root), [LINES], timedelta(hours=1), "run-3")[0].merged
    for writer in writers:
        writer.join()

    assert merged > 0
    assert Lake(root).table(LINES).read()["number"].sort().to_list() == list(range(count))


def test_a_table_that_is_not_there_is_refused(lake: Lake) -> None:
    with pytest.raises(InvalidInputError, match="there is no table raw/nothing: the tables are curated/model, "):
        run(lake, "raw/nothing")


def test_a_retention_of_less_than_a_day_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="MLINFRA_TABLE_RETENTION_HOURS=5 is too short"):
        _ = Settings(home=tmp_path, table_retention_hours=5).table_retention
