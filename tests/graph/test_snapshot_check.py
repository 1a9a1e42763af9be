"""A snapshot that fails its blocking check is not written, and Redis keeps what it has."""

from __future__ import annotations

import polars as pl

from tests.support.curated_rows import republish
from tests.support.platform import Platform

VIEW = "customer_features"


def lose_most_customers(rows: pl.DataFrame) -> pl.DataFrame:
    few = rows["customer_id"].drop_nulls().unique().sort().head(20)
    return rows.filter(pl.col("customer_id").is_in(few.implode()))


def test_a_failed_check_keeps_the_table_and_redis(platform: Platform) -> None:
    table = platform.lake.table(f"features/{VIEW}")
    day = platform.newest_day(VIEW)
    online, version, rows = platform.served(), table.version(), platform.rows(table.name)
    republish(platform.lake, lose_most_customers)

    result = platform.snapshot(VIEW, day)

    assert not result.success
    found = platform.check(("features", VIEW), "snapshot")
    assert found is not None
    assert not found.passed
    assert "Redis keeps what it has" in (found.description or "")
    assert table.version() == version
    assert platform.rows(table.name).equals(rows)
    assert platform.served() == online
    assert platform.check(("online", VIEW), "pushed") is None
    assert platform.asked("online_repair") == []


def test_the_next_run_goes_through_once_the_input_is_right(platform: Platform) -> None:
    whole = platform.rows("curated/stg_order_lines")
    day = platform.newest_day(VIEW)
    expected = platform.rows(f"features/{VIEW}", where=[("day", "==", day)]).sort("customer_id")
    republish(platform.lake, lose_most_customers)
    assert not platform.snapshot(VIEW, day).success
    republish(platform.lake, lambda _: whole)

    assert platform.snapshot(VIEW, day).success

    assert platform.rows(f"features/{VIEW}", where=[("day", "==", day)]).sort("customer_id").equals(expected)
