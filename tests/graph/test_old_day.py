"""A backfill of old days computes the same rows again, and changes nothing online."""

from __future__ import annotations

from datetime import date, timedelta

import dagster as dg
import polars as pl

from tests.support.curated_rows import publish_more
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


def test_one_old_day(platform: Platform) -> None:
    online, rows = platform.served(), platform.rows(f"features/{VIEW}").sort("day", "customer_id")
    version = platform.lake.table(f"features/{VIEW}").version()

    assert platform.snapshot(VIEW, OLD).success

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
