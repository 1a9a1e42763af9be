"""The retrieval store over a lake with the small shop's lines: the past, the present, and old definitions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlinfra_assets.clock import HomeClock
from mlinfra_assets.errors import InvalidInputError, UnavailableError
from mlinfra_assets.feature_store.errors import DefinitionError, RetrievalError
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.features import fs
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.registry.registry import Registry
from mlinfra_assets.retrieval.store import RetrievalStore, open_store
from mlinfra_assets.settings import Settings
from tests.support.registered import registration
from tests.support.shop_lines import LINES
from tests.support.snapshot_shop import SnapshotShop

NOW = datetime(2011, 3, 10, 12, tzinfo=UTC)
VIEW = "customer_features"


@pytest.fixture
def shop(tmp_path: Path) -> SnapshotShop:
    return SnapshotShop(Lake(str(tmp_path / "lake")))


@pytest.fixture
def store(shop: SnapshotShop, tmp_path: Path) -> RetrievalStore:
    HomeClock(tmp_path).set(NOW)
    return open_store(Settings(home=tmp_path, lake=str(tmp_path / "lake")))


def spine(lines: pl.DataFrame) -> pl.DataFrame:
    """Every customer at three moments."""
    times = [datetime(2011, 1, 20, tzinfo=UTC), datetime(2011, 2, 14, 9, 30, tzinfo=UTC), NOW]
    moments = pl.DataFrame({"event_timestamp": pl.Series(times, dtype=pl.Datetime("us", "UTC"))})
    return lines.select(pl.col("customer_id").unique().sort()).join(moments, how="cross")


def test_features_of_the_past_are_those_counted_by_hand(store: RetrievalStore, shop: SnapshotShop) -> None:
    found = store.get_historical_features(spine(shop.lines), [f"{VIEW}:orders", f"{VIEW}:purchase_frequency_30d"])
    for row in found.iter_rows(named=True):
        t = row["event_timestamp"]
        mine = shop.lines.filter((pl.col("customer_id") == row["customer_id"]) & (pl.col("_known_at") <= t))
        sales = mine.filter("is_sale")
        recent = sales.filter(pl.col("_event_time") > t - pl.duration(days=30))
        assert row["orders"] == (sales["invoice_no"].n_unique() if mine.height else None)
        assert row["purchase_frequency_30d"] == (recent["invoice_no"].n_unique() if mine.height else None)
    assert found["orders"].drop_nulls().len() > 40


def test_in_parts_it_says_the_same(store: RetrievalStore, shop: SnapshotShop, tmp_path: Path) -> None:
    asked = spine(shop.lines)
    at_once = store.get_historical_features(asked, [VIEW])
    out = store.get_historical_features(asked, [VIEW], into=tmp_path / "out.parquet", max_memory_bytes=10_000)
    assert pl.read_parquet(out).equals(at_once)


def test_a_version_of_a_table_can_be_read_again(store: RetrievalStore, shop: SnapshotShop) -> None:
    asked, features = spine(shop.lines), [f"{VIEW}:orders"]
    first, version = store.get_historical_features(asked, features), shop.lake.table(LINES.table).version()
    shop.publish(shop.lines.head(10))
    assert not store.get_historical_features(asked, features).equals(first)
    assert store.get_historical_features(asked, features, versions={LINES.table: version}).equals(first)
    with pytest.raises(InvalidInputError, match="'curated/stg_order_line' is no table of a dataset; did you mean"):
        store.get_historical_features(asked, features, versions={"curated/stg_order_line": 0})


def test_a_service_is_asked_by_its_name(store: RetrievalStore, shop: SnapshotShop, monkeypatch: Any) -> None:
    monkeypatch.setattr(fs, "services", {})
    service = fs.create_feature_service("habits", [f"{VIEW}:orders"])
    asked = spine(shop.lines)
    expected = store.get_historical_features(asked, [f"{VIEW}:orders"])
    assert store.get_historical_features(asked, "habits").equals(expected)
    assert store.get_historical_features(asked, service).equals(expected)
    with pytest.raises(DefinitionError, match="no feature service 'habit'; did you mean 'habits'"):
        store.get_historical_features(asked, "habit")


def old(store: RetrievalStore, shop: SnapshotShop, **changed: Any) -> ViewDocument:
    """An earlier definition of the view, registered."""
    document = store._documents.document(fs.views[VIEW])
    earlier = replace(document, view=replace(document.view, **changed))
    Registry(shop.lake).record_view(earlier, registration())
    return earlier


def test_an_old_version_stands_beside_the_present_one(store: RetrievalStore, shop: SnapshotShop) -> None:
    earlier = old(store, shop, ttl=1)
    name = f"{VIEW}@{earlier.version[:6]}"
    asked = spine(shop.lines)
    found = store.get_historical_features(asked, [f"{VIEW}:orders", f"{name}:orders"], full_feature_names=True)
    assert found.columns[2:] == [f"{VIEW}__orders", f"{name}__orders"]
    assert found[f"{VIEW}__orders"].null_count() < asked.height
    # A lifetime of a microsecond serves nobody.
    assert found[f"{name}__orders"].null_count() == asked.height
    assert store.snapshot(name, NOW).is_empty()


def test_a_version_that_is_not_registered_is_refused(store: RetrievalStore, shop: SnapshotShop) -> None:
    asked = spine(shop.lines)
    with pytest.raises(InvalidInputError, match="no version of a feature view 'customer_features' is registered"):
        store.get_historical_features(asked, [f"{VIEW}@0123:orders"])
    version = old(store, shop, ttl=1).version
    with pytest.raises(InvalidInputError, match=f"there is no version '0123'; there are {version}"):
        store.get_historical_features(asked, [f"{VIEW}@0123:orders"])
    with pytest.raises(InvalidInputError, match="there is no version ''"):
        store.get_historical_features(asked, [f"{VIEW}@:orders"])


def test_an_old_version_of_a_column_that_is_gone_is_refused(store: RetrievalStore, shop: SnapshotShop) -> None:
    document = store._documents.document(fs.views[VIEW])
    dataset = document.view.dataset
    wider = replace(dataset, columns={**dataset.columns, "colour": dataset.columns["stock_code"]})
    version = old(store, shop, dataset=wider).version
    with pytest.raises(RetrievalError, match=f"{VIEW}@{version} is computed from colour of dataset stg_order_lines"):
        store.get_historical_features(spine(shop.lines), [f"{VIEW}@{version}:orders"])


def test_a_dataset_without_a_table_is_said(tmp_path: Path) -> None:
    empty = open_store(Settings(home=tmp_path, lake=str(tmp_path / "lake")))
    with pytest.raises(UnavailableError, match="no table curated/stg_order_lines in the lake yet: materialize"):
        empty.snapshot(VIEW)


def test_a_snapshot_of_any_moment_is_what_was_asked_of_each_then(store: RetrievalStore, shop: SnapshotShop) -> None:
    moment = datetime(2011, 2, 14, 9, 30, tzinfo=UTC)
    found = store.snapshot(VIEW, moment)
    asked = found.select("customer_id", event_timestamp=pl.lit(moment).cast(pl.Datetime("us", "UTC")))
    again = store.get_historical_features(asked, [VIEW]).drop("event_timestamp")
    assert found.height > 10
    assert found.equals(again)


def test_a_date_is_its_last_microsecond_and_none_is_now(store: RetrievalStore) -> None:
    end = datetime(2011, 2, 14, 23, 59, 59, 999_999, tzinfo=UTC)
    assert store.snapshot(VIEW, date(2011, 2, 14)).equals(store.snapshot(VIEW, end))
    assert store.snapshot(VIEW).equals(store.snapshot(VIEW, NOW))
    with pytest.raises(InvalidInputError, match="has no zone"):
        store.snapshot(VIEW, datetime(2011, 2, 14))  # noqa: DTZ001 - what is refused
    with pytest.raises(DefinitionError, match="no feature view 'customer_feature'; did you mean"):
        store.snapshot("customer_feature")


def test_days_are_materialized_as_the_asset_does(store: RetrievalStore, shop: SnapshotShop) -> None:
    told = []
    days = [date(2011, 2, 14), date(2011, 2, 13)]
    found = store.materialize(VIEW, days, progress=lambda done, total: told.append((done, total)))
    table = shop.lake.table(f"features/{VIEW}")
    assert found.computed == (date(2011, 2, 13), date(2011, 2, 14))
    assert told[-1] == (2, 2)
    stored = table.read(where=[("day", "==", date(2011, 2, 14))]).drop("day").sort("customer_id")
    assert stored.equals(store.snapshot(VIEW, date(2011, 2, 14)))
    assert store.materialize(VIEW, date(2011, 2, 14)).computed == ()
    assert store.materialize(VIEW, date(2011, 2, 14), recompute=True).computed == (date(2011, 2, 14),)


def test_a_day_that_is_not_over_is_not_materialized(store: RetrievalStore) -> None:
    with pytest.raises(InvalidInputError, match="2011-03-10: name days that are over; it is 2011-03-10T12"):
        store.materialize(VIEW, [date(2011, 3, 9), NOW.date()])
    with pytest.raises(InvalidInputError, match="no day: name days"):
        store.materialize(VIEW, [])


def test_tables_are_asked_in_sql(store: RetrievalStore, shop: SnapshotShop) -> None:
    answer = store.sql("select count(*) as n from curated.stg_order_lines", rows=5)
    assert answer.frame["n"].to_list() == [shop.lines.height]
