"""What late rows would have changed in snapshots: counted and named, against a reading of every entity on every day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlinfra_assets.audit import late_rows
from mlinfra_assets.audit.late_rows import LateRows, LateWindow
from mlinfra_assets.audit.late_snapshots import IN_SNAPSHOT, LateSnapshots, compare_snapshots
from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.canonical import view_to_dict
from mlinfra_assets.feature_store.snapshot import end_of
from mlinfra_assets.publishing.lake_reader import LakeReader
from tests.support.reader import Reader
from tests.support.shop_lines import LINES
from tests.support.snapshot_shop import NOW, SnapshotShop, days, habits, snapshot_shop

FIRST = date(2011, 1, 3)
WINDOW = LateWindow(datetime(2011, 1, 1, tzinfo=UTC), NOW)
Changed = dict[tuple[date, int], set[str]]


def at(day: int, hour: int) -> datetime:
    return datetime(2011, 1, 3, tzinfo=UTC) + timedelta(days=day, hours=hour)


def compared(shop: SnapshotShop, window: LateWindow = WINDOW) -> LateSnapshots:
    return compare_snapshots(shop.lake, habits(), LakeReader(shop.lake, {LINES.name: LINES}), window)


def cells(rows: pl.DataFrame) -> list[dict[str, Any]]:
    def cell(value: object) -> object:
        return to_micros(value) if isinstance(value, datetime) else value

    return [{name: cell(value) for name, value in row.items()} for row in rows.iter_rows(named=True)]


def read_by_hand(shop: SnapshotShop, window: LateWindow = WINDOW) -> Changed:
    """What differs for every customer on every day, as known at its end and as known in the end."""
    judge = Reader(view_to_dict(habits()), {LINES.name: cells(shop.lines)})
    customers = shop.lines["customer_id"].unique().drop_nulls().sort()
    found: Changed = {}
    for day in shop.table.partitions()["day"]:
        t = end_of(day)
        for customer in customers:
            was, now = (_served(judge, (customer,), t, k) for k in (t, max(t, window.hindsight)))
            if was is None or now is None:
                names = {IN_SNAPSHOT} if (was is None) != (now is None) else set()
            else:
                names = {name for name in was if was[name] != now[name]}
            if names:
                found[day, customer] = names
    return found


def _served(judge: Reader, entity: tuple, t: int, k: int) -> Mapping[str, Any] | None:
    """The values of an entity that is in the snapshot: its latest row of those known is inside the TTL of 180 days."""
    ttl = 180 * 86_400_000_000
    known = [r for r in judge.table.rows if r.entity == entity and r.event_time <= t and r.known_at <= k]
    latest = max((r.event_time for r in known), default=None)
    return None if latest is None or t - latest > ttl else judge.read(entity, t, k, None)


@pytest.fixture
def shop(tmp_path: Path) -> SnapshotShop:
    """Sixty days of snapshots, and then lines of the past."""
    made = snapshot_shop(tmp_path)
    made.materialize(days(FIRST, 60))
    return made


def test_nothing_late_changes_nothing(shop: SnapshotShop) -> None:
    found = compared(shop)
    assert (found.different, found.values, found.examples) == (0, 0, [])


def test_late_rows_change_what_a_reading_by_hand_says_they_change(shop: SnapshotShop) -> None:
    before = compared(shop).late_rows
    busy, other = shop.lines["customer_id"].unique().sort()[:2]
    shop.publish_late(busy, at(10, 9), at(20, 9))  # ten days late
    shop.publish_late(busy, at(40, 23), at(41, 1))  # over midnight
    shop.publish_late(other, at(50, 9), at(50, 15))  # six hours late, on its own day
    shop.publish_late(99_999, at(30, 9), at(200, 9))  # a customer whom no snapshot knew, known after the report

    found = compared(shop)

    by_hand = read_by_hand(shop)
    assert found.late_rows == before + 3
    assert found.values == sum(map(len, by_hand.values())) > 0
    assert {(e.day, e.entity["customer_id"]): None for e in found.examples}.keys() == by_hand.keys()
    assert found.different == len(by_hand)
    assert found.compared == 10 + 1
    assert {(e.day, e.feature) for e in found.examples} == {(d, n) for (d, _), names in by_hand.items() for n in names}
    assert all(c == busy for _, c in by_hand)


def test_an_entity_that_a_late_row_brings_in_is_named(shop: SnapshotShop) -> None:
    shop.publish_late(99_999, at(57, 9), at(59, 9))

    found = compared(shop)

    assert [(e.day, e.feature, e.known, e.hindsight) for e in found.examples] == [
        (FIRST + timedelta(days=day), IN_SNAPSHOT, False, True) for day in (57, 58)
    ]
    assert (found.different, found.values) == (2, 2)
    assert read_by_hand(shop) == {(FIRST + timedelta(days=d), 99_999): {IN_SNAPSHOT} for d in (57, 58)}


def test_only_rows_that_became_known_in_the_window_count(shop: SnapshotShop) -> None:
    busy = shop.lines["customer_id"].unique().sort()[0]
    shop.publish_late(busy, at(10, 9), at(12, 9))
    shop.publish_late(busy, at(20, 9), at(25, 9))

    first = compared(shop, LateWindow(at(12, 0), at(13, 0)))
    second = compared(shop, LateWindow(at(25, 0), at(26, 0)))

    assert sorted(first.days) == [FIRST + timedelta(days=d) for d in (10, 11)]
    assert sorted(second.days) == [FIRST + timedelta(days=d) for d in range(20, 25)]
    assert first.different == 2
    assert second.different == 5


def test_late_rows_are_taken_a_bounded_number_at_a_time(shop: SnapshotShop, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, customer in enumerate(shop.lines["customer_id"].unique().sort()[:20]):
        shop.publish_late(customer, at(5 + number, 9), at(30, 9))
    whole = compared(shop)
    monkeypatch.setattr(late_rows, "ROWS_AT_ONCE", 6)

    parts = list(LateRows(shop.lake, LINES, ["customer_id"], WINDOW).parts())

    assert len(parts) > 2
    assert sum(part.height for part in parts) == 20
    assert sum(part["customer_id"].n_unique() for part in parts) == 20
    in_parts = compared(shop)
    assert in_parts.days == whole.days
    assert whole.different == len(read_by_hand(shop))


def test_a_view_without_snapshots_has_nothing_to_compare(tmp_path: Path) -> None:
    assert compared(snapshot_shop(tmp_path)) == LateSnapshots("customer_habits")
