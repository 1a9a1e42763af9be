from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import polars as pl
import pytest

from mlinfra_assets.learning.outcomes import Outcome, due_outcomes
from tests.support.shop_lines import START, FrameReader, shop_lines
from tests.support.shop_models import shop_model

NOW = datetime(2012, 1, 1, tzinfo=UTC)
HORIZON = timedelta(days=60)
SCHEMA = {
    "prediction_id": pl.String(),
    "model": pl.String(),
    "entity": pl.String(),
    "predicted_at": pl.Datetime("us", "UTC"),
}


@pytest.fixture(scope="module")
def lines() -> pl.DataFrame:
    return shop_lines()


def predictions(lines: pl.DataFrame, at: datetime, model: str = "churn") -> pl.DataFrame:
    customers = lines.filter(pl.col("_known_at") <= at)["customer_id"].unique().sort()
    rows = [
        {"prediction_id": f"{at:%j}-{c}", "model": model, "entity": f'{{"customer_id":{c}}}', "predicted_at": at}
        for c in customers
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def due(lines: pl.DataFrame, made: pl.DataFrame, now: datetime = NOW, **arguments: object) -> list[Outcome]:
    known = arguments.pop("known", set())
    return due_outcomes(shop_model(), made, known, FrameReader({"stg_order_lines": lines}), now, **arguments)  # pyright: ignore[reportArgumentType]


def test_the_label_is_whether_the_customer_stayed_away_for_the_horizon(lines: pl.DataFrame) -> None:
    at = START + timedelta(days=100, microseconds=7)
    found = due(lines, predictions(lines, at))
    bought = lines.filter(pl.col("is_sale"), pl.col("_event_time") > at, pl.col("_event_time") <= at + HORIZON)
    came_back = set(bought["customer_id"])
    assert len(found) > 20
    assert {o.label for o in found} == {0, 1}
    for outcome in found:
        customer = orjson.loads(outcome.entity)["customer_id"]
        assert outcome.label == (0 if customer in came_back else 1)
        assert outcome.observed_at == at + HORIZON


def test_nothing_is_told_before_the_horizon_has_passed(lines: pl.DataFrame) -> None:
    at = START + timedelta(days=100)
    assert due(lines, predictions(lines, at), now=at + HORIZON - timedelta(microseconds=1)) == []
    assert due(lines, predictions(lines, at), now=at + HORIZON) != []


def test_nothing_is_told_while_the_lines_end_before_the_horizon(lines: pl.DataFrame) -> None:
    at = START + timedelta(days=100)
    behind = lines.filter(pl.col("_known_at") < at + HORIZON)
    assert due(behind, predictions(lines, at)) == []


def test_a_quiet_shop_is_told_that_its_lines_are_complete(lines: pl.DataFrame) -> None:
    at = START + timedelta(days=100)
    quiet = lines.filter(pl.col("_known_at") < at + HORIZON)
    assert due(quiet, predictions(lines, at), complete=at + HORIZON) != []


def test_an_outcome_that_exists_is_not_made_again(lines: pl.DataFrame) -> None:
    made = predictions(lines, START + timedelta(days=100))
    first = due(lines, made)
    again = due(lines, made, known={o.prediction_id for o in first[:5]})
    assert [o.prediction_id for o in again] == [o.prediction_id for o in first[5:]]
    assert due(lines, pl.concat([made, made])) == first


def test_another_models_predictions_are_left_alone(lines: pl.DataFrame) -> None:
    assert due(lines, predictions(lines, START + timedelta(days=100), model="other")) == []


def test_the_event_has_what_the_contract_asks_for(lines: pl.DataFrame) -> None:
    outcome = due(lines, predictions(lines, START + timedelta(days=100, microseconds=7)))[0]
    event = orjson.loads(outcome.to_message())
    assert event == {
        "outcome_id": outcome.prediction_id,
        "model": "churn",
        "prediction_id": outcome.prediction_id,
        "entity": orjson.loads(outcome.entity),
        "predicted_at": "2011-04-13T09:00:00.000007Z",
        "observed_at": "2011-06-12T09:00:00.000007Z",
        "label": outcome.label,
    }
