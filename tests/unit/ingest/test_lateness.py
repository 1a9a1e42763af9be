"""Late and out-of-order records are counted: behind newer ones, and behind the snapshot of their day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from mlinfra_assets import names
from mlinfra_assets.ingest.lateness import Lateness, LateRecords
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.positions import Positions
from mlinfra_assets.publishing.snapshots import LAST_DAY
from tests.support.lake_rows import BY

NOON = datetime(2011, 9, 1, 12, tzinfo=UTC)
TABLE = "processed/lines"
SCHEMA = {
    names.EVENT_TIME: pl.Datetime("us", "UTC"),
    names.KNOWN_AT: pl.Datetime("us", "UTC"),
    names.ASSUMED: pl.Boolean(),
    names.PARTITION: pl.Int32(),
    names.OFFSET: pl.Int64(),
    names.ROW: pl.Int64(),
}


def rows(*minutes: float, delay: float = 0, assumed: bool = False, partition: int = 0, first: int = 0) -> pl.DataFrame:
    """Rows in order of position that happened so many minutes after noon, each known `delay` minutes later."""
    made = [
        (NOON + timedelta(minutes=m), NOON + timedelta(minutes=m + delay), assumed, partition, first + n, 0)
        for n, m in enumerate(minutes)
    ]
    return pl.DataFrame(made, schema=SCHEMA, orient="row")


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def counting(lake: Lake, *held: pl.DataFrame) -> LateRecords:
    table = lake.table(TABLE)
    for frame in held:
        table.append(frame, provenance=BY, stats_columns=[names.EVENT_TIME])
    return LateRecords(lake, "lines", table)


def test_records_behind_others_of_the_batch_are_out_of_order_and_late_past_an_hour(lake: Lake) -> None:
    found = counting(lake).count(rows(0, 10, 5, 90, 29, 30, 91))
    assert found == Lateness(out_of_order=3, late=1, after_snapshot=0, most_seconds=61 * 60)


def test_records_behind_what_the_table_held_before_are_counted_too(lake: Lake) -> None:
    late = counting(lake, rows(0, 120, delay=0), rows(100))
    assert late.count(rows(59.9, 119, 120, delay=300)) == Lateness(2, 1, 0, 60.1 * 60)


def test_the_next_batch_goes_on_from_the_one_before(lake: Lake) -> None:
    late = counting(lake)
    assert late.count(rows(0, 100)) == Lateness()
    assert late.count(rows(30, 100, 101, first=2)) == Lateness(1, 1, 0, 70 * 60)


def test_a_partition_is_not_late_because_another_was_read_first(lake: Lake) -> None:
    late = counting(lake)
    assert late.count(rows(0, 500)) == Lateness()
    assert late.count(rows(1, 499, partition=1)) == Lateness()


def test_a_record_from_the_future_makes_no_other_late(lake: Lake) -> None:
    fast = rows(0, 10_000, 1).with_columns(pl.col(names.EVENT_TIME).clip(upper_bound=None))
    fast = fast.with_columns(pl.lit(NOON + timedelta(minutes=2), SCHEMA[names.KNOWN_AT]).alias(names.KNOWN_AT))
    assert counting(lake).count(fast).late == 0


def test_assumed_history_is_not_late(lake: Lake) -> None:
    assert counting(lake, rows(1000)).count(rows(0, 10, assumed=True)) == Lateness()


def test_records_of_a_day_that_has_its_snapshot_are_late(lake: Lake) -> None:
    frame = pl.DataFrame({"day": [date(2011, 9, 1)], "value": [1]})
    made = Provenance("r", "c", positions={"lines": Positions({0: 1})}, extra={LAST_DAY: "2011-09-01"})
    lake.table("features/view").replace(frame, provenance=made, partition_by=("day",))

    hours = 60
    assert counting(lake).count(rows(0, delay=13 * hours)) == Lateness(0, 1, 1, 0.0)
    assert counting(lake).count(rows(0, delay=1 * hours)) == Lateness(), "known on its own day"
    assert counting(lake).count(rows(24 * hours, delay=13 * hours)) == Lateness(), "that day has no snapshot yet"


def test_snapshots_of_other_sources_do_not_matter(lake: Lake) -> None:
    frame = pl.DataFrame({"day": [date(2011, 9, 1)], "value": [1]})
    made = Provenance("r", "c", positions={"other": Positions({0: 1})}, extra={LAST_DAY: "2011-09-01"})
    lake.table("features/view").replace(frame, provenance=made, partition_by=("day",))
    assert counting(lake).count(rows(0, delay=13 * 60)) == Lateness()


def test_nothing_is_nothing(lake: Lake) -> None:
    assert counting(lake).count(rows()) == Lateness()
