"""Features of now, asked in Python: the values of the online store as a frame, request values among the questions."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlinfra_assets.clock import FixedClock, from_micros
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store import Entity, FeatureStore, key, request
from mlinfra_assets.feature_store.errors import DefinitionError, RetrievalError
from mlinfra_assets.feature_store.historical import get_historical_features
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.positions import Positions
from mlinfra_assets.retrieval.store import RetrievalStore
from tests.support.online import client, epoch_of, push, redis_server, store
from tests.support.shop_lines import LINES, FrameReader, shop_lines
from tests.support.snapshot_shop import documents

__all__ = ["client", "redis_server", "store"]

DECLARED = FeatureStore({LINES.name: LINES})
ROWS = shop_lines(customers=20, days=60)
CUSTOMERS = ROWS["customer_id"].unique().sort().to_list()
T = epoch_of(ROWS)


@DECLARED.create_feature_view("habits", [Entity("customer", ["customer_id"])], ttl="20d", online=True)
def habits(stg_order_lines):
    lines = stg_order_lines
    return {
        "lines": lines.count(),
        "last_code": lines["stock_code"].last(),
        "share": request("basket", "float64") / lines["line_amount"].sum(),
        "odd": key("customer_id") > 12_010,
    }


@pytest.fixture
def asked(store: Any, tmp_path: Path) -> RetrievalStore:
    push(store, habits, ROWS, Positions({0: 10**9}))
    clock = FixedClock(from_micros(T))
    return RetrievalStore(Lake(str(tmp_path)), DECLARED, documents(), clock, lambda: store)


def rows(*customers: int) -> list[dict[str, Any]]:
    return [{"customer_id": customer} for customer in customers]


def expected(customers: list[int], basket: list[float | None]) -> pl.DataFrame:
    """What a training set at that moment says."""
    at = pl.lit(from_micros(T)).cast(pl.Datetime("us", "UTC"))
    spine = pl.DataFrame({"customer_id": customers, "basket": basket}, schema_overrides={"basket": pl.Float64})
    found = get_historical_features(
        spine.with_columns(event_timestamp=at), ["habits"], views=DECLARED.views, read=FrameReader({LINES.name: ROWS})
    )
    return found.drop("event_timestamp", "basket")


def test_what_is_served_is_what_a_training_set_of_now_says(asked: RetrievalStore) -> None:
    customers = [*CUSTOMERS, 99, CUSTOMERS[0]]
    found = asked.get_online_features(["habits"], rows(*customers), {"basket": 12.5})
    assert found.equals(expected(customers, [12.5] * len(customers)))
    assert 0 < found["lines"].null_count() < len(customers)


def test_a_request_value_may_be_given_for_each_entity(asked: RetrievalStore) -> None:
    given: list[float | None] = [1.0, None, 3.5]
    found = asked.get_online_features(["habits"], rows(*CUSTOMERS[:3]), [{"basket": value} for value in given])
    assert found.equals(expected(CUSTOMERS[:3], given))


def test_features_come_in_the_order_asked_for_and_under_their_names(asked: RetrievalStore) -> None:
    found = asked.get_online_features(["habits:odd", "habits:lines"], rows(CUSTOMERS[0]), full_feature_names=True)
    assert found.columns == ["customer_id", "habits__odd", "habits__lines"]


def test_nobody_asked_about_is_no_rows(asked: RetrievalStore) -> None:
    found = asked.get_online_features(["habits:lines"], [])
    assert found.schema == pl.Schema({"customer_id": pl.Int64, "lines": pl.Int64})
    assert found.is_empty()


def test_another_moment_can_be_asked_about(asked: RetrievalStore) -> None:
    later = from_micros(T + 21 * 86_400_000_000)
    assert asked.get_online_features(["habits:lines"], rows(*CUSTOMERS), at=later)["lines"].null_count() == 20
    with pytest.raises(InvalidInputError, match="has no zone"):
        asked.get_online_features(["habits:lines"], rows(*CUSTOMERS), at=datetime(2011, 3, 1))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("features", "entity", "given", "message"),
    [
        (["habits:share"], {"customer_id": 1}, None, "needs 'basket' .* with each question"),
        (["habits:share"], {"customer_id": 1}, {"baskt": 1.0}, "no feature asks for the request value 'baskt'"),
        (["habits:share"], {"customer_id": 1}, {"basket": "1"}, "'basket' is a float64, and '1' is none"),
        (["habits:share"], {"customer_id": 1}, {"basket": True}, "and True is none"),
        (["habits:share"], {"customer_id": 1}, [], "0 requests for 1 entities"),
        (["habits:lines"], {"customer": 1}, None, "lacks customer_id"),
        (["habits:lines"], {"customer_id": "1"}, None, "customer_id"),
        (["habits:line"], {"customer_id": 1}, None, "no feature 'line'; did you mean 'lines'"),
        (["habit:lines"], {"customer_id": 1}, None, "no feature view 'habit' online; did you mean 'habits'"),
        (["habits:lines", "habits"], {"customer_id": 1}, None, "lines would be two columns"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    asked: RetrievalStore, features: list[str], entity: dict, given: Any, message: str
) -> None:
    with pytest.raises((InvalidInputError, RetrievalError, DefinitionError), match=message):
        asked.get_online_features(features, [entity], given)
