"""Snapshots of days: what is unchanged is not computed again, and nothing stale is ever kept."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable

from mlinfra_assets.feature_store.errors import FeatureOverflowError
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.table import SchemaMismatchError
from mlinfra_assets.publishing import snapshot_writing
from mlinfra_assets.publishing.snapshot_days import MaterializedDays
from mlinfra_assets.publishing.snapshot_ledger import TABLE
from mlinfra_assets.publishing.snapshot_report import told
from mlinfra_assets.publishing.snapshots import newest_day, newest_snapshot
from tests.support.snapshot_shop import SnapshotShop, days, habits, quantities, snapshot_shop

FIRST, COUNT = date(2011, 2, 1), 10
ASKED = days(FIRST, COUNT)
MIDDLE = FIRST + timedelta(days=6)


@pytest.fixture
def shop(tmp_path: Path) -> SnapshotShop:
    return snapshot_shop(tmp_path)


def at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def why(found: MaterializedDays) -> set[str]:
    return {one.why for one in found.standings if one.due}


def computed_anew(shop: SnapshotShop, folder: Path, view: FeatureView | None = None) -> pl.DataFrame:
    """The same lines in another lake that has no record of anything."""
    other = snapshot_shop(folder)
    other.publish(shop.lines)
    other.materialize(ASKED, view)
    return other.rows()


def test_unchanged_days_are_not_computed_again(shop: SnapshotShop) -> None:
    first = shop.materialize(ASKED)
    version, rows = shop.table.version(), shop.rows()

    again = shop.materialize(ASKED)

    assert (first.computed, first.unchanged) == (tuple(ASKED), ())
    assert why(first) == {"not computed before"}
    assert first.rows_written == rows.height > 0
    assert (again.computed, again.unchanged) == ((), tuple(ASKED))
    assert (again.rows_written, again.rows_read, again.check) == (0, 0, first.check)
    assert (again.inputs, again.positions) == (first.inputs, first.positions)
    assert shop.table.version() == version
    assert shop.rows().equals(rows)


def test_only_days_that_are_missing_are_computed(shop: SnapshotShop, tmp_path: Path) -> None:
    shop.materialize(ASKED[2:4])
    shop.materialize(ASKED[6:7])

    found = shop.materialize(ASKED)

    assert found.unchanged == (*ASKED[2:4], ASKED[6])
    assert shop.rows().equals(computed_anew(shop, tmp_path / "other"))


def test_a_late_row_recomputes_the_days_from_its_known_at_on(shop: SnapshotShop, tmp_path: Path) -> None:
    shop.materialize(ASKED)
    shop.publish_late(12_003, at(FIRST, 9), known_at=at(MIDDLE, 0))

    found = shop.materialize(ASKED)

    assert found.unchanged == tuple(d for d in ASKED if d < MIDDLE)
    assert found.computed == tuple(d for d in ASKED if d >= MIDDLE)
    assert why(found) == {"1 more row is known by then"}
    assert shop.rows().equals(computed_anew(shop, tmp_path / "other"))


def test_a_row_from_the_future_counts_from_its_event_time_on(shop: SnapshotShop) -> None:
    shop.materialize(ASKED)
    shop.publish_late(12_003, at(MIDDLE, 9), known_at=at(FIRST, 0))

    assert shop.materialize(ASKED).computed == tuple(d for d in ASKED if d >= MIDDLE)


def test_the_last_microsecond_of_a_day_belongs_to_it(shop: SnapshotShop) -> None:
    shop.materialize(ASKED)
    shop.publish_late(12_003, at(FIRST, 9), known_at=at(MIDDLE, 0) - timedelta(microseconds=1))

    assert shop.materialize(ASKED).computed == tuple(d for d in ASKED if d >= MIDDLE - timedelta(days=1))


def test_the_same_rows_in_another_order_and_other_files_change_nothing(shop: SnapshotShop) -> None:
    shop.materialize(ASKED)
    shop.publish(shop.lines.reverse())

    assert shop.materialize(ASKED[:-1]).computed == ()


def test_a_changed_definition_recomputes_every_day_and_says_so(shop: SnapshotShop, tmp_path: Path) -> None:
    old, new = habits("30d"), habits("7d")
    first = shop.materialize(ASKED, old)

    found = shop.materialize(ASKED, new)

    assert found.computed == tuple(ASKED)
    assert first.version != found.version
    assert why(found) == {f"the definition changed from version {first.version} to {found.version}"}
    assert shop.rows().equals(computed_anew(shop, tmp_path / "other", new))


def test_going_back_to_the_old_definition_recomputes_too(shop: SnapshotShop) -> None:
    shop.materialize(ASKED, habits("30d"))
    rows = shop.rows()
    shop.materialize(ASKED, habits("7d"))

    assert shop.materialize(ASKED, habits("30d")).computed == tuple(ASKED)
    assert shop.rows().equals(rows)


def test_asked_to_it_computes_what_is_unchanged(shop: SnapshotShop) -> None:
    shop.materialize(ASKED)
    version, rows = shop.table.version(), shop.rows()

    found = shop.materialize(ASKED, recompute=True)

    assert found.computed == tuple(ASKED)
    assert why(found) == {"asked to be computed again"}
    assert shop.table.version() == version + 1
    assert shop.rows().equals(rows)
    assert shop.materialize(ASKED).computed == ()


def test_a_crash_before_the_record_leads_to_another_computation(
    shop: SnapshotShop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(point: str) -> None:
        raise RuntimeError(point)

    shop.materialize(ASKED)
    shop.publish_late(12_003, at(FIRST, 9), known_at=at(MIDDLE, 0))
    with monkeypatch.context() as patched:
        patched.setattr(snapshot_writing, "reach", crash)
        with pytest.raises(RuntimeError, match=r"features\.between_commits"):
            shop.materialize(ASKED)
    rows = shop.rows()

    found = shop.materialize(ASKED)

    assert found.computed == tuple(d for d in ASKED if d >= MIDDLE)
    assert shop.rows().equals(rows)
    assert shop.materialize(ASKED).computed == ()


def test_a_table_that_was_restored_is_brought_up_to_date(shop: SnapshotShop, tmp_path: Path) -> None:
    shop.materialize(ASKED)
    before = shop.table.version()
    shop.publish_late(12_003, at(FIRST, 9), known_at=at(MIDDLE, 0))
    shop.materialize(ASKED)
    DeltaTable(shop.table.uri).restore(before)

    found = shop.materialize(ASKED)

    assert found.computed == tuple(d for d in ASKED if d >= MIDDLE)
    assert why(found) == {"the table does not hold the snapshot that was computed"}
    assert shop.rows().equals(computed_anew(shop, tmp_path / "other"))


def test_a_day_that_somebody_emptied_is_computed(shop: SnapshotShop) -> None:
    shop.materialize(ASKED)
    rows = shop.rows()
    DeltaTable(shop.table.uri).delete(f"day = '{MIDDLE.isoformat()}'")

    assert shop.materialize(ASKED).computed == (MIDDLE,)
    assert shop.rows().equals(rows)


def test_a_day_without_entities_is_not_computed_again(shop: SnapshotShop) -> None:
    before_any = date(2010, 12, 24)
    shop.materialize([before_any, *ASKED])

    assert shop.materialize([before_any]).unchanged == (before_any,)
    assert before_any not in set(shop.rows()["day"])


def test_a_backfill_in_parts_writes_what_one_in_a_piece_does(shop: SnapshotShop, tmp_path: Path) -> None:
    told_of: list[tuple[int, int]] = []

    found = shop.materialize(ASKED, chunk_rows=40, progress=lambda done, of: told_of.append((done, of)))

    assert len(told_of) > 2
    assert told_of[-1] == (COUNT, COUNT)
    rows = shop.rows()
    assert found.rows_written == rows.height == found.check.entity_days
    assert rows.equals(computed_anew(shop, tmp_path / "other"))
    assert shop.materialize(ASKED).computed == ()


@pytest.mark.parametrize("chunk_rows", [40, 1_000_000])
def test_a_failed_check_writes_nothing(shop: SnapshotShop, chunk_rows: int) -> None:
    until = ASKED[:4]
    shop.materialize(until)
    version, rows, records = shop.table.version(), shop.rows(), shop.lake.table(TABLE).version()
    expires = habits(ttl="2d")

    found = shop.materialize(ASKED, expires, chunk_rows=chunk_rows)

    assert not found.check.passed
    assert "Redis keeps what it has" in found.check.message
    assert found.rows_written == 0
    assert (shop.table.version(), shop.lake.table(TABLE).version()) == (version, records)
    assert shop.rows().equals(rows)
    assert "not written" in told(found)[0]


def test_a_backfill_that_was_interrupted_goes_on_where_it_was(shop: SnapshotShop, tmp_path: Path) -> None:
    def interrupt(done: int, of: int) -> None:
        assert of == COUNT
        if done >= 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        shop.materialize(ASKED, chunk_rows=40, progress=interrupt)
    done = set(shop.rows()["day"])

    found = shop.materialize(ASKED, chunk_rows=40)

    assert set(found.unchanged) == done
    assert found.computed
    assert shop.rows().equals(computed_anew(shop, tmp_path / "other"))


def test_a_value_that_cannot_be_computed_names_the_feature_and_leaves_days_before_it(shop: SnapshotShop) -> None:
    huge = shop.lines.with_columns(
        pl.when(pl.col("_known_at") > at(MIDDLE, 0)).then(2**62).otherwise(1).alias("quantity")
    )
    shop.publish(huge)

    with pytest.raises(FeatureOverflowError, match="customer_habits:quantity"):
        shop.materialize(ASKED, quantities(), chunk_rows=1)

    assert set(shop.rows()["day"]) <= {d for d in ASKED if d <= MIDDLE}
    assert shop.materialize(ASKED[:3], quantities()).computed == ()


def test_a_feature_that_is_added_or_gone_is_null_on_days_that_are_not_computed(shop: SnapshotShop) -> None:
    shop.materialize(ASKED[:2], habits())
    shop.materialize(ASKED[2:4], quantities())

    rows = shop.rows()

    nulls = {
        day: {name for name in ("spent", "quantity") if of[name].null_count() == of.height}
        for (day,), of in rows.group_by("day", maintain_order=True)
    }
    assert nulls == {day: {"quantity" if day < ASKED[2] else "spent"} for day in ASKED[:4]}


def test_a_feature_of_another_type_needs_every_day_of_the_table(shop: SnapshotShop) -> None:
    shop.materialize(ASKED[:4], quantities())
    rows, as_float = shop.rows(), quantities(scale=0.5)

    with pytest.raises(SchemaMismatchError, match=r"quantity was int64 and is double.*2011-02-01 to 2011-02-04"):
        shop.materialize(ASKED[2:], as_float)
    assert shop.rows().equals(rows)

    assert shop.materialize(ASKED, as_float).computed == tuple(ASKED)
    assert shop.rows().schema["quantity"] == pl.Float64
    assert shop.rows().filter(pl.col("day").is_in(ASKED[:4]))["quantity"].to_list() == (rows["quantity"] / 2).to_list()


def test_newer_inputs_that_leave_the_newest_day_as_it_is_are_noted(shop: SnapshotShop) -> None:
    shop.materialize(ASKED)
    version, rows = shop.table.version(), shop.rows()
    published = shop.publish_late(12_003, at(ASKED[-1], 9), known_at=at(ASKED[-1] + timedelta(days=1), 1))

    found = shop.materialize(ASKED, run="later")

    assert found.computed == ()
    assert shop.table.version() == version + 1
    assert shop.rows().equals(rows)
    newest = newest_snapshot(shop.table)
    assert newest is not None
    assert newest.inputs == {"curated/stg_order_lines": published}
    assert newest.run_id == "later"
    assert newest.positions == found.positions
    assert shop.materialize(ASKED).computed == ()
    assert shop.table.version() == version + 1


def test_an_older_day_that_is_unchanged_says_nothing_of_newer_inputs(shop: SnapshotShop) -> None:
    shop.materialize(ASKED)
    before = newest_snapshot(shop.table)
    shop.publish_late(12_003, at(FIRST, 9), known_at=at(MIDDLE, 0))

    shop.materialize(ASKED[:3])

    assert newest_snapshot(shop.table) == before
    assert newest_day(shop.table) == ASKED[-1]


def test_what_is_told_names_days_and_reasons(shop: SnapshotShop) -> None:
    shop.materialize(ASKED)
    shop.publish_late(12_003, at(FIRST, 9), known_at=at(MIDDLE, 0))

    lines = told(shop.materialize(ASKED))

    assert lines[0].startswith("6 days not computed again: 2011-02-01 to 2011-02-06. ")
    assert lines[1:] == ["4 days computed: 2011-02-07 to 2011-02-10: 1 more row is known by then"]


def test_days_that_another_definition_left_behind_are_named(shop: SnapshotShop) -> None:
    shop.materialize(ASKED, habits("30d"))

    found = shop.materialize(ASKED[-2:], habits("7d"))

    assert found.outdated == tuple(ASKED[:-2])
    assert told(found)[-1].startswith("8 days of the table hold values of another definition: 2011-02-01 to 2011-02-08")
    assert shop.materialize(ASKED, habits("7d")).outdated == ()
