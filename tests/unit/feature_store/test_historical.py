"""Training sets: every row back once with the values of its time, and clear words for what cannot be answered."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pytest

from mlinfra_assets.feature_store import ColumnType, DatasetSchema, Entity, FeatureStore
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.historical import get_historical_features

ORDERS = DatasetSchema(
    "orders", {"customer_id": ColumnType("int64"), "value": ColumnType("decimal", 2)}, "orders", "processed/orders"
)
STORE = FeatureStore({"orders": ORDERS})
CUSTOMER = Entity("customer", ["customer_id"])


@STORE.create_feature_view("spending", [CUSTOMER])
def spending(orders):
    return {"orders": orders.count(), "value_2d": orders["value"].sum("2d")}


@STORE.create_feature_view("recent", [CUSTOMER], ttl="1d")
def recent(orders):
    return {"value": orders["value"].last(), "orders": orders.count()}


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2011, 1, day, hour, tzinfo=UTC)


class Orders:
    """Four orders of customer 1, one of which came three days late, and one of nobody."""

    def __init__(self):
        self.asked = []

    def rows(self, dataset: str, columns: Sequence[str], version: int | None = None) -> pl.DataFrame:
        self.asked.append((dataset, version))
        events = [(1, "10.10", at(1), at(1)), (1, "20.20", at(2), at(5)), (1, "0.05", at(3), at(3))]
        events += [(1, "1.00", at(9), at(9)), (None, "5.00", at(1), at(1))]
        frame = pl.DataFrame(
            {
                "customer_id": [e[0] for e in events],
                "value": pl.Series([e[1] for e in events]).cast(pl.Decimal(18, 2)),
                "_event_time": [e[2] for e in events],
                "_known_at": [e[3] for e in events],
            },
            schema_overrides={"customer_id": pl.Int64},
        ).with_columns(
            _known_at_assumed=False,
            _partition=pl.lit(0, pl.Int32),
            _offset=pl.int_range(pl.len()),
            _row=pl.lit(0, pl.Int64),
            _release=pl.lit(None, pl.Int64),
            _contract_version=pl.lit("v1"),
        )
        return frame.select(columns)


def ask(spine, features: Sequence[str] = ("spending",), **settings) -> pl.DataFrame:
    return get_historical_features(spine, list(features), views=STORE.views, read=Orders(), **settings)


SPINE = pl.DataFrame(
    {"label": ["d", "b", "c", "a"], "customer_id": [1, 2, None, 1], "event_timestamp": [at(5), at(5), at(5), at(3)]}
)


def test_every_row_comes_back_once_in_order_with_its_values():
    found = ask(SPINE)
    assert found.columns == ["label", "customer_id", "event_timestamp", "orders", "value_2d"]
    assert found.get_column("label").to_list() == ["d", "b", "c", "a"]
    assert found.get_column("orders").to_list() == [3, 0, 0, 2]
    assert found.get_column("value_2d").to_list() == [None, None, None, 0.05]


def test_hindsight_counts_late_rows_and_says_so():
    found = ask(SPINE, known="hindsight")
    assert found.get_column("value_2d").to_list() == [None, None, None, 20.25]
    assert found.get_column("_known").to_list() == ["hindsight"] * 4


def test_a_column_can_say_what_was_known():
    found = ask(SPINE.with_columns(seen=pl.lit(at(4))), known="seen")
    assert found.get_column("orders").to_list() == [2, 0, 0, 2]


def test_a_value_past_the_ttl_is_null():
    spine = pl.DataFrame({"customer_id": [1, 1], "event_timestamp": [at(4), at(4) + timedelta(microseconds=1)]})
    assert ask(spine, ["recent"]).select("value", "orders").rows() == [(0.05, 2), (None, None)]


def test_features_of_two_views_with_one_name_need_full_names():
    with pytest.raises(RetrievalError, match="orders asked for twice"):
        ask(SPINE, ["spending", "recent"])
    found = ask(SPINE, ["recent:orders", "spending:orders"], full_feature_names=True)
    assert found.columns[3:] == ["recent__orders", "spending__orders"]


def test_a_version_of_a_table_is_passed_to_the_reader():
    read = Orders()
    get_historical_features(SPINE, ["spending"], views=STORE.views, read=read, versions={"orders": 7})
    assert read.asked == [("orders", 7)]


def test_arrow_tables_lazy_frames_and_other_units_are_taken():
    arrow: pa.Table = SPINE.to_arrow()
    expected = ask(SPINE).select("orders", "value_2d")
    assert ask(arrow).select("orders", "value_2d").equals(expected)
    assert ask(SPINE.lazy()).select("orders", "value_2d").equals(expected)
    nanoseconds = SPINE.with_columns(pl.col("event_timestamp").cast(pl.Datetime("ns", "UTC")))
    assert ask(nanoseconds).select("orders", "value_2d").equals(expected)
    assert ask(SPINE.with_columns(pl.col("customer_id").cast(pl.Int16))).select("orders", "value_2d").equals(expected)


def test_no_rows_asked_for_is_no_rows_answered():
    assert ask(SPINE.head(0)).columns == ["label", "customer_id", "event_timestamp", "orders", "value_2d"]


TIME = pl.col("event_timestamp")


@pytest.mark.parametrize(
    ("spine", "message"),
    [
        (SPINE.drop("event_timestamp"), "no time column 'event_timestamp'"),
        (SPINE.drop("customer_id"), "view spending needs the key 'customer_id'"),
        (SPINE.with_columns(TIME.dt.replace_time_zone(None)), "has no zone"),
        (SPINE.with_columns(TIME.dt.convert_time_zone(str(ZoneInfo("Europe/London")))), "is in Europe/London"),
        (SPINE.with_columns(TIME.cast(pl.Int64)), "is a Int64"),
        (SPINE.with_columns(event_timestamp=pl.Series([at(1), at(2), None, at(3)])), "is null in row 2"),
        (SPINE.with_columns(TIME.cast(pl.Datetime("ns", "UTC")) + pl.duration(nanoseconds=5)), "has nanoseconds"),
        (SPINE.with_columns(pl.col("customer_id").cast(pl.String)), "is a int64, and a String in entity_df"),
        (SPINE.with_columns(pl.col("customer_id").cast(pl.Float64)), "is a int64, and a Float64 in entity_df"),
        (SPINE.with_columns(orders=1), "columns orders already"),
        ([1, 2], "is a list"),
    ],
)
def test_what_cannot_be_answered_is_refused(spine, message):
    with pytest.raises(RetrievalError, match=message):
        ask(spine)
