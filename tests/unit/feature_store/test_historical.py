"""Training sets: every row back once with the values of its time, and clear words for what cannot be answered."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pyarrow as pa
import pytest

from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store import ColumnType, DatasetSchema, Entity, FeatureStore, lit, request
from mlinfra_assets.feature_store.errors import FeatureOverflowError, RetrievalError
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

    def batches(self, dataset: str, columns: Sequence[str], version: int | None = None) -> Iterator[pl.DataFrame]:
        yield from self.rows(dataset, columns, version).iter_slices(2)

    def count(self, dataset: str, version: int | None = None) -> int:  # noqa: ARG002 - the protocol's
        return 5


def ask(spine, features: Sequence[str] = ("spending",), **settings) -> Any:
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


def test_what_is_past_the_ttl_is_not_computed_and_so_cannot_overflow():
    store, largest = FeatureStore({"orders": ORDERS}), lit(2**63 - 1)

    @store.create_feature_view("v", [CUSTOMER], ttl="1d")
    def view(orders):
        return {"constants": largest + 1, "of_nulls": orders["value"].last().is_null().if_else(largest, 0) + 1}

    def asked(customer: int, t: datetime) -> list[tuple]:
        spine = pl.DataFrame({"customer_id": [customer], "event_timestamp": [t]})
        found = get_historical_features(spine, ["v"], views=store.views, read=Orders())
        return found.select("constants", "of_nulls").rows()

    assert asked(1, at(7)) == [(None, None)]
    assert asked(2, at(7)) == [(None, None)]
    with pytest.raises(FeatureOverflowError, match="v:constants"):
        asked(1, at(4))


def test_features_of_two_views_with_one_name_need_full_names():
    with pytest.raises(RetrievalError, match="orders asked for twice"):
        ask(SPINE, ["spending", "recent"])
    found = ask(SPINE, ["recent:orders", "spending:orders"], full_feature_names=True)
    assert found.columns[3:] == ["recent__orders", "spending__orders"]


def test_a_version_of_a_table_is_passed_to_the_reader():
    read = Orders()
    get_historical_features(SPINE, ["spending"], views=STORE.views, read=read, versions={"orders": 7})
    assert read.asked == [("orders", 7)]


def test_times_and_keys_of_other_widths_are_taken():
    expected = ask(SPINE).select("orders", "value_2d")
    nanoseconds = SPINE.with_columns(pl.col("event_timestamp").cast(pl.Datetime("ns", "UTC")))
    assert ask(nanoseconds).select("orders", "value_2d").equals(expected)
    assert ask(SPINE.with_columns(pl.col("customer_id").cast(pl.Int16))).select("orders", "value_2d").equals(expected)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (SPINE, pl.DataFrame),
        (SPINE.lazy(), pl.LazyFrame),
        (SPINE.to_arrow(), pa.Table),
    ],
)
def test_the_answer_is_the_kind_of_table_that_asked(given, kind):
    found = ask(given)
    assert isinstance(found, kind)
    assert pl.DataFrame(found.collect() if isinstance(found, pl.LazyFrame) else found).equals(ask(SPINE))


@pytest.mark.parametrize("memory", [1 << 30, 1])
def test_a_stream_of_record_batches_is_answered_with_one(memory):
    stream = pa.RecordBatchReader.from_batches(SPINE.to_arrow().schema, SPINE.to_arrow().to_batches(max_chunksize=2))
    found = ask(stream, max_memory_bytes=memory)
    assert isinstance(found, pa.RecordBatchReader)
    assert pl.DataFrame(found.read_all()).equals(ask(SPINE))


def test_a_pandas_frame_is_answered_with_one():
    found = ask(SPINE.to_pandas(use_pyarrow_extension_array=True))
    assert pl.DataFrame(found)["orders"].to_list() == [3, 0, 0, 2]


def test_the_same_question_twice_is_answered_twice():
    assert ask(pl.concat([SPINE, SPINE]))["orders"].to_list() == [3, 0, 0, 2, 3, 0, 0, 2]


def test_before_all_history_there_is_nothing():
    early = SPINE.with_columns(event_timestamp=pl.lit(datetime(1985, 1, 1, tzinfo=UTC)))
    assert ask(early).select("orders", "value_2d").unique().rows() == [(0, None)]


def test_a_window_longer_than_the_history_holds_all_of_it():
    views = FeatureStore({"orders": ORDERS})
    views.create_feature_view("long", [CUSTOMER])(lambda orders: {"value": orders["value"].sum("36500d")})
    found = get_historical_features(SPINE, ["long"], views=views.views, read=Orders())
    assert found["value"].to_list() == [30.35, None, None, 10.15]


@pytest.mark.parametrize("memory", [1 << 30, 1])
def test_no_rows_asked_for_is_no_rows_answered_of_the_right_types(memory):
    found = ask(SPINE.head(0), ["spending", "recent:value"], max_memory_bytes=memory)
    assert found.height == 0
    kinds = {"orders": pl.Int64, "value_2d": pl.Float64, "value": pl.Float64}
    assert found.schema == pl.Schema({**SPINE.schema, **kinds})


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
@pytest.mark.parametrize("memory", [1 << 30, 1])
def test_what_cannot_be_answered_is_refused(spine, message, memory):
    with pytest.raises(RetrievalError, match=message):
        ask(spine, max_memory_bytes=memory)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (["spendin"], "no feature view 'spendin'; did you mean 'spending'"),
        (["spending:order"], "no feature 'order'; did you mean 'orders'"),
        (["spending:orders", "spending:orders"], "orders asked for twice"),
        (["spending:orders", "spending"], "orders asked for twice"),
        ([], "at least one feature"),
        ("spending", "at least one feature"),
    ],
)
def test_features_that_are_not_there_are_refused(features, message):
    with pytest.raises(InvalidInputError, match=message):
        get_historical_features(SPINE, features, views=STORE.views, read=Orders())


def test_a_known_at_column_that_is_not_there_is_refused_with_the_nearest_name():
    with pytest.raises(RetrievalError, match=r"known='hindsigt' is neither .*; did you mean 'hindsight'"):
        ask(SPINE, known="hindsigt")
    with pytest.raises(RetrievalError, match="known-at column 'label' is a String"):
        ask(SPINE, known="label")


def test_in_hindsight_the_mark_needs_its_name():
    with pytest.raises(RetrievalError, match="columns _known already"):
        ask(SPINE.with_columns(_known=1), known="hindsight")


class Changed(Orders):
    """The orders as another version of the schema has them."""

    def __init__(self, change: pl.Expr | None):
        super().__init__()
        self.change = change

    def rows(self, dataset: str, columns: Sequence[str], version: int | None = None) -> pl.DataFrame:
        frame = super().rows(dataset, columns, version)
        return frame.drop("value") if self.change is None else frame.with_columns(self.change)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, "view spending: dataset orders came without value"),
        (pl.col("value").cast(pl.Float64), "'value' is a Float64, and the dataset declares it as decimal"),
        (pl.col("customer_id").cast(pl.String), "'customer_id' is a String, and the dataset declares it as int64"),
        (pl.lit(None, pl.Datetime("us", "UTC")).alias("_event_time"), "nulls in _event"),
    ],
)
@pytest.mark.parametrize("memory", [1 << 30, 1])
def test_a_dataset_of_another_schema_is_refused(change, message, memory):
    with pytest.raises(RetrievalError, match=message):
        get_historical_features(SPINE, ["spending"], views=STORE.views, read=Changed(change), max_memory_bytes=memory)


def asks(orders):
    return {"twice": request("amount", "float64") * 2, "orders": orders.count()}


@pytest.mark.parametrize(
    ("amount", "message"),
    [
        (None, "view asks needs the request value 'amount' \\(float64\\)"),
        (pl.lit("1"), "request value 'amount' of view asks is a float64, and a String"),
        (pl.lit(1), "request value 'amount' of view asks is a float64, and a Int32"),
    ],
)
def test_request_values_are_wanted_as_declared(amount, message):
    views = FeatureStore({"orders": ORDERS})
    views.create_feature_view("asks", [CUSTOMER])(asks)
    spine = SPINE if amount is None else SPINE.with_columns(amount=amount)
    with pytest.raises(RetrievalError, match=message):
        get_historical_features(spine, ["asks"], views=views.views, read=Orders())


def test_a_request_value_may_be_null():
    views = FeatureStore({"orders": ORDERS})
    views.create_feature_view("asks", [CUSTOMER])(asks)
    spine = SPINE.with_columns(amount=pl.Series([1.5, None, 2.0, 0.25]))
    found = get_historical_features(spine, ["asks"], views=views.views, read=Orders())
    assert found["twice"].to_list() == [3.0, None, 4.0, 0.5]


def test_progress_is_told_up_to_the_end():
    told = []
    ask(SPINE, progress=lambda *step: told.append(step))
    assert told[-1] == (1, 1, "answering")
    assert [step for step in told if step[2] == "reading orders"] == [
        (0, 5, "reading orders"), (2, 5, "reading orders"), (4, 5, "reading orders"), (5, 5, "reading orders"),
    ]  # fmt: skip
