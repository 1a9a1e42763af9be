from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

import polars as pl
import pytest

from mlinfra_assets.feature_store import Entity, FeatureStore
from mlinfra_assets.learning.cutoffs import TooLittleHistoryError
from mlinfra_assets.learning.model import Spine
from mlinfra_assets.learning.training_set import TrainingSet, build_training_set
from tests.support.shop_lines import LINES, START, FrameReader, shop_lines
from tests.support.shop_models import customer, shop_model, shop_view

NOW = datetime(2012, 1, 1, tzinfo=UTC)
HORIZON, TTL = timedelta(days=60), timedelta(days=180)


def built(lines: pl.DataFrame, now: datetime = NOW, **arguments: object) -> TrainingSet:
    view = shop_view()
    return build_training_set(
        shop_model(),
        {view.name: view},
        FrameReader({"stg_order_lines": lines}),
        now,
        **arguments,  # pyright: ignore[reportArgumentType]
    )


@pytest.fixture(scope="module")
def lines() -> pl.DataFrame:
    return shop_lines()


@pytest.fixture(scope="module")
def training(lines: pl.DataFrame) -> TrainingSet:
    return built(lines)


def test_each_row_holds_what_was_known_at_its_cutoff_and_what_came_true_after(
    lines: pl.DataFrame, training: TrainingSet
) -> None:
    by_customer = {key[0]: rows.to_dicts() for key, rows in lines.group_by("customer_id")}
    for row in training.frame.sample(60, seed=1).iter_rows(named=True):
        t, history = row["cutoff"], by_customer[row["customer_id"]]
        known = [r for r in history if r["_event_time"] <= t and r["_known_at"] <= t]
        sales = [r for r in known if r["is_sale"]]
        recent = {r["invoice_no"] for r in sales if r["_event_time"] > t - timedelta(days=30)}
        assert row["customer_features:purchase_frequency_30d"] == len(recent)
        orders = len({r["invoice_no"] for r in sales})
        average = Fraction(sum(r["line_amount"] for r in sales)) / orders if orders else Fraction(0)
        assert row["customer_features:average_order_value"] == pytest.approx(float(average))
        later = [r for r in history if r["is_sale"] and t < r["_event_time"] <= t + HORIZON]
        assert row["label"] == (0 if [r for r in later if r["_known_at"] <= t + HORIZON] else 1)


def test_the_spine_is_whom_the_view_serves_at_each_cutoff(lines: pl.DataFrame, training: TrainingSet) -> None:
    for (t,), rows in training.frame.group_by("cutoff"):
        assert isinstance(t, datetime)
        known = lines.filter(pl.col("_event_time") <= t, pl.col("_known_at") <= t)
        latest = known.group_by("customer_id").agg(pl.col("_event_time").max())
        served = latest.filter(pl.col("_event_time") >= t - TTL)["customer_id"]
        assert sorted(rows["customer_id"]) == sorted(served)


def test_it_has_one_row_an_entity_and_cutoff_in_order(training: TrainingSet) -> None:
    keys = training.frame.select("cutoff", "customer_id")
    assert keys.equals(keys.unique().sort("cutoff", "customer_id"))
    assert training.without_label == 0
    assert set(training.frame["label"]) == {0, 1}


def test_the_order_of_the_rows_read_changes_nothing(lines: pl.DataFrame, training: TrainingSet) -> None:
    assert built(lines.sample(fraction=1.0, shuffle=True, seed=5)).frame.equals(training.frame)


def test_a_line_that_came_late_is_not_known_at_the_cutoff_before(lines: pl.DataFrame, training: TrainingSet) -> None:
    cutoff = training.frame["cutoff"].min()
    assert isinstance(cutoff, datetime)
    before = pl.col("_event_time") <= cutoff
    late = lines.with_columns(
        pl.when(before).then(cutoff + timedelta(days=1)).otherwise("_known_at").alias("_known_at")
    )
    assert built(late).frame.filter(pl.col("cutoff") == cutoff).is_empty()


def test_labels_end_where_the_data_end_and_not_at_the_clock(lines: pl.DataFrame) -> None:
    half = lines.filter(pl.col("_event_time") < START + timedelta(days=200))
    found = built(half)
    last = max(found.cutoffs.all)
    assert found.complete < START + timedelta(days=200, seconds=3)
    assert last + 60 * 86_400_000_000 <= found.complete.timestamp() * 1_000_000


def test_the_clock_ends_it_where_it_is_earlier(lines: pl.DataFrame) -> None:
    now = START + timedelta(days=180)
    found = built(lines, now)
    assert found.complete == now


def test_further_features_are_computed_and_undeclared_ones_left_out(lines: pl.DataFrame) -> None:
    found = built(lines, also=["customer_features:orders", "customer_features:gone", "gone:gone"])
    assert [c for c in found.frame.columns if "gone" in c] == []


def test_no_lines_at_all_is_too_little_history(lines: pl.DataFrame) -> None:
    with pytest.raises(TooLittleHistoryError, match="train again when there is more"):
        built(lines.head(0))


def test_an_input_may_look_up_a_feature_of_another_view(lines: pl.DataFrame) -> None:
    lines = lines.with_columns(
        pl.when(pl.col("customer_id") % 3 == 0).then(pl.lit("France")).otherwise(pl.lit("Spain")).alias("country")
    )
    store = FeatureStore({LINES.name: LINES})
    by_country = store.create_feature_view("by_country", [Entity("country", ["country"])])(
        lambda stg_order_lines: {"lines": stg_order_lines.count()}
    )
    around = store.create_feature_view("around", [customer], ttl="180d")(
        lambda stg_order_lines: {
            "own": stg_order_lines.count(),
            "lines": by_country["lines"].at(country=stg_order_lines["country"].last()),
        }
    )
    model = shop_model(features=["around:own", "around:lines"], spine=Spine("around", every="28d", warmup="60d"))

    frame = build_training_set(model, {"around": around}, FrameReader({"stg_order_lines": lines}), NOW).frame

    assert frame.height > 100
    for row in frame.sample(40, seed=2).iter_rows(named=True):
        known = lines.filter(pl.col("_event_time") <= row["cutoff"], pl.col("_known_at") <= row["cutoff"])
        own = known.filter(pl.col("customer_id") == row["customer_id"])
        assert row["around:own"] == own.height
        assert row["around:lines"] == known.filter(pl.col("country") == own["country"][-1]).height
