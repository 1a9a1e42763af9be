"""A backfill of old days leaves or computes the same rows, and changes nothing online."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import polars as pl

from tests.support.curated_rows import late_line, publish_more
from tests.support.platform import Platform

VIEW = "customer_features"
OLD = date(2011, 6, 1)


def snapshots(platform: Platform, first: date, last: date) -> pl.DataFrame:
    where = [("day", ">=", first), ("day", "<=", last)]
    return platform.rows(f"features/{VIEW}", where=where).sort("day", "customer_id")


def pushes(platform: Platform) -> int:
    """How often a hook reported a push of the view."""
    found = platform.instance.fetch_materializations(dg.AssetKey(["online", VIEW]), limit=10)
    return len(found.records)


def metadata(platform: Platform) -> Mapping[str, object]:
    """Of the newest materialization of the view's snapshots."""
    found = platform.instance.fetch_materializations(dg.AssetKey(["features", VIEW]), limit=1)
    materialization = found.records[0].asset_materialization
    assert materialization is not None
    return {name: value.value for name, value in materialization.metadata.items()}


def test_an_unchanged_old_day_is_not_computed_again(platform: Platform) -> None:
    online, version = platform.served(), platform.lake.table(f"features/{VIEW}").version()

    assert platform.snapshot(VIEW, OLD).success

    assert platform.lake.table(f"features/{VIEW}").version() == version
    said = metadata(platform)
    assert {name: said[name] for name in ("days_computed", "days_unchanged", "rows_read", "rows_added")} == {
        "days_computed": 0,
        "days_unchanged": 1,
        "rows_read": 0,
        "rows_added": 0,
    }
    assert f"1 day not computed again: {OLD}" in str(said["computed_again"])
    assert platform.served() == online
    assert pushes(platform) == 0


def test_a_row_that_came_late_recomputes_the_days_from_when_it_was_known_on(platform: Platform) -> None:
    until, known = OLD + timedelta(days=9), datetime(2011, 6, 7, 12, tzinfo=UTC)
    before = snapshots(platform, OLD, until)
    late = late_line(platform.lake, datetime(2011, 5, 2, 9, tzinfo=UTC), known)

    assert platform.snapshot(VIEW, OLD, until).success

    said = metadata(platform)
    assert (said["days_computed"], said["days_unchanged"]) == (4, 6)
    assert "4 days computed: 2011-06-07 to 2011-06-10: 1 more row is known by then" in str(said["computed_again"])
    after = snapshots(platform, OLD, until)
    changed = after.join(before, on=after.columns, how="anti", nulls_equal=True)
    assert set(changed["customer_id"]) == {late}
    assert set(changed["day"]) == {date(2011, 6, n) for n in (7, 8, 9, 10)}


def test_an_old_day_computed_again(platform: Platform) -> None:
    online, rows = platform.served(), platform.rows(f"features/{VIEW}").sort("day", "customer_id")
    version = platform.lake.table(f"features/{VIEW}").version()
    again = {"ops": {f"features__{VIEW}": {"config": {"recompute": True}}}}

    assert platform.snapshot(VIEW, OLD, run_config=again).success

    assert metadata(platform)["days_computed"] == 1
    assert platform.lake.table(f"features/{VIEW}").version() == version + 1
    assert platform.rows(f"features/{VIEW}").sort("day", "customer_id").equals(rows)
    assert platform.served() == online
    assert pushes(platform) == 0
    assert platform.asked("online_repair") == []


def test_a_range_of_old_days_in_one_run(platform: Platform) -> None:
    online, until = platform.served(), OLD + timedelta(days=9)
    rows = snapshots(platform, OLD, until)

    assert platform.snapshot(VIEW, OLD, until).success

    assert snapshots(platform, OLD, until).equals(rows)
    assert rows["day"].n_unique() == 10
    assert platform.served() == online
    assert pushes(platform) == 0


def test_an_old_day_does_not_bring_newer_rows_online(platform: Platform) -> None:
    online = platform.served()
    publish_more(platform.lake)

    assert platform.snapshot(VIEW, OLD).success

    assert platform.served() == online
    assert platform.asked("online_repair") == []
    assert platform.run(("online", VIEW)).success
    assert platform.served()[VIEW][1:] == online[VIEW][1:]


def test_the_newest_day_again_is_pushed(platform: Platform) -> None:
    watermark = publish_more(platform.lake)
    newest = platform.newest_day(VIEW)

    assert platform.snapshot(VIEW, newest - timedelta(days=3), newest).success

    assert platform.served()[VIEW][2] == {"order_lines": watermark}
    assert pushes(platform) == 1
