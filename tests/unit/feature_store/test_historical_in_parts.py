"""Questions larger than memory: the same bits as at once, and nothing is left behind."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.feature_store.errors import RetrievalError
from mlinfra_assets.feature_store.historical import get_historical_features
from mlinfra_assets.feature_store.offline import spill
from mlinfra_assets.feature_store.offline.spill import Spill
from mlinfra_assets.feature_store.offline.split import split_of
from tests.support.asked_shop import EVERYTHING, SHOP, ShopReader, shop_questions, shop_rows

ROWS = shop_rows(orders=2_000)
ASKED = shop_questions(rows=1_000)
SMALL = 20_000


@pytest.fixture(autouse=True)
def scratch(tmp_path, monkeypatch):
    """The folder that temporary files are made in."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def ask(features=EVERYTHING, *, memory: int, spine: pl.DataFrame | pl.LazyFrame = ASKED, read=None, **how) -> Any:
    read = read or ShopReader(ROWS)
    return get_historical_features(spine, features, views=SHOP.views, read=read, max_memory_bytes=memory, **how)


@pytest.mark.parametrize(
    ("memory", "known"), [(1, "as_of"), (300_000, "as_of"), (SMALL, "as_of"), (SMALL, "hindsight"), (SMALL, "seen")]
)
def test_in_parts_every_value_is_the_same(scratch, memory, known):
    spine = ASKED.with_columns(seen=pl.col("event_timestamp") + timedelta(days=4))
    at_once = ask(memory=1 << 40, spine=spine, known=known)
    assert ask(memory=memory, spine=spine, known=known).equals(at_once)
    assert list(scratch.iterdir()) == []


def test_in_parts_values_are_those_counted_by_hand():
    rows = (
        ROWS["orders"]
        .unique("_offset", keep="none")
        .vstack(
            ROWS["orders"].filter(pl.col("_offset").is_duplicated()).sort("_known_at").unique("_offset", keep="first")
        )
    )
    found = ask(["spending:orders", "spending:spent_30d"], memory=SMALL)
    for row in found.sample(60, seed=1).iter_rows(named=True):
        t = row["event_timestamp"]
        mine = rows.filter(
            pl.col("customer_id").is_in([row["customer_id"]])
            & (pl.col("_event_time") <= t)
            & (pl.col("_known_at") <= t)
        )
        assert row["orders"] == mine.height
        recent = mine.filter(pl.col("_event_time") > t - timedelta(days=30))["amount"].to_list()
        assert row["spent_30d"] == (float(sum(recent, Decimal(0))) if recent else None)


def test_a_contract_that_changed_hands_counts_for_its_last_holder_alone():
    places = ROWS["contracts"].filter(pl.col("contract").is_not_null())
    assert places.unique(["contract", "customer_id"]).height > places["contract"].n_unique()
    end = ASKED.select("customer_id", event_timestamp=pl.lit(places["_known_at"].max())).unique(maintain_order=True)
    last = places.sort("_known_at", "_offset").unique("contract", keep="last", maintain_order=True)
    free = ROWS["contracts"].filter(pl.col("contract").is_null())
    held = pl.concat([last, free]).filter(~pl.col("ended").fill_null(value=False))
    counted = dict(held.group_by("customer_id").len().iter_rows())
    found = ask(["committed:contracts"], memory=SMALL, spine=end)
    assert found.drop_nulls("contracts").height > 20
    for customer, _, contracts in found.drop_nulls("contracts").iter_rows():
        assert contracts == counted[customer]


def test_each_dataset_is_gone_through_once_for_views_that_are_divided_alike():
    read = ShopReader(ROWS)
    ask(["spending", "taste:orders", "committed"], memory=SMALL, read=read, full_feature_names=True)
    assert sorted(read.asked) == [("contracts", None), ("orders", None)]


def test_a_version_is_read_in_parts_too():
    read = ShopReader(ROWS)
    ask(["spending"], memory=SMALL, read=read, versions={"orders": 3})
    assert read.asked == [("orders", 3)]


def test_rows_stay_together_by_the_keys_that_views_have_in_common():
    keys, branch = split_of(SHOP.views["loyalty"])
    assert keys == ("customer_id",)
    assert [other.view.name for other in branch.walk() if not other.whole] == ["loyalty", "spending"]
    keys, branch = split_of(SHOP.views["taste"])
    assert keys == ("customer_id",)
    assert [(other.view.name, other.whole) for other in branch.walk()] == [
        ("taste", False), ("sales", True), ("spending", False),
    ]  # fmt: skip


def test_a_lazy_question_larger_than_memory_is_put_down(scratch):
    found = ask(["spending"], memory=SMALL, spine=ASKED.lazy())
    assert found.collect().equals(ask(["spending"], memory=1 << 40))
    assert list(scratch.iterdir()) == []


def test_progress_reaches_every_total():
    told: dict[str, list[tuple[int, int]]] = {}
    ask(memory=SMALL, progress=lambda done, total, what: told.setdefault(what, []).append((done, total)))
    assert set(told) == {"reading orders", "reading contracts", "answering", "putting together"}
    assert all(steps[-1][0] == steps[-1][1] for steps in told.values())
    assert told["putting together"][-1] == (ASKED.height, ASKED.height)


def test_nothing_is_left_behind_by_an_error(scratch):
    wrong = {**ROWS, "orders": ROWS["orders"].with_columns(pl.col("amount").cast(pl.Float64))}
    with pytest.raises(RetrievalError, match="declares it as decimal"):
        ask(memory=SMALL, read=ShopReader(wrong))
    assert list(scratch.iterdir()) == []


def test_a_full_disk_is_said(scratch, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(spill.pa.ipc, "new_file", full)
    with pytest.raises(UnavailableError, match=f"no space left in {scratch}.*TMPDIR"):
        ask(memory=SMALL)
    assert list(scratch.iterdir()) == []


def test_a_null_time_is_named_by_its_row_in_the_whole_table():
    times = [None if n == 777 else t for n, t in enumerate(ASKED["event_timestamp"])]
    with pytest.raises(RetrievalError, match="is null in row 777"):
        ask(memory=1, spine=ASKED.with_columns(event_timestamp=pl.Series(times, dtype=pl.Datetime("us", "UTC"))))


def test_what_is_put_down_comes_back_by_bucket_in_order(tmp_path):
    put = Spill(tmp_path / "rows.arrow", gathered_bytes=200)
    for first in range(0, 100, 10):
        rows = pl.DataFrame({"n": range(first, first + 10), "s": [f"row {n}" for n in range(first, first + 10)]})
        put.add(rows, rows["n"] % 3)
    put.close()
    assert put.rows([1])["n"].to_list() == list(range(1, 100, 3))
    assert put.rows([2, 0])["s"].to_list() == [f"row {n}" for n in [*range(2, 100, 3), *range(0, 100, 3)]]
    assert put.rows([7]).equals(pl.DataFrame(schema={"n": pl.Int64, "s": pl.String}))
