"""What late rows would have changed in served predictions, recomputed from raw."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mlinfra_assets.audit.late_predictions import LatePredictions, compare_predictions
from mlinfra_assets.audit.late_rows import LateWindow
from mlinfra_assets.audit.regret import by_model
from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.engine.evaluate import HINDSIGHT, evaluate
from mlinfra_assets.feature_store.engine.prepare import prepare
from mlinfra_assets.learning.features_of import features_of
from mlinfra_assets.learning.matrix import matrix
from mlinfra_assets.learning.store import ModelStore, StoredModel
from tests.support.audited_shop import MAX_PAYLOAD, AuditedShop, audited_shop, order_line
from tests.support.shop_lines import LINES

NOON = datetime(2011, 8, 25, 12, tzinfo=UTC)
LATER = NOON + timedelta(days=20)
WINDOW = LateWindow(NOON - timedelta(days=30), LATER)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("shop")
    audited_shop(root, customers=40, days=230)
    return root


@pytest.fixture
def shop(template: Path, tmp_path: Path) -> AuditedShop:
    """A shop of its own, as the template left it."""
    import shutil

    from mlinfra_assets.lake.lake import Lake
    from mlinfra_assets.registry.registry import Registry
    from tests.support.audited_shop import sources

    shutil.copytree(template, tmp_path / "shop")
    lake = Lake(str(tmp_path / "shop" / "lake"))
    return AuditedShop(lake, Registry(lake), sources())


def compared(
    shop: AuditedShop, window: LateWindow = WINDOW, only: str | None = None, threshold: float | None = None
) -> LatePredictions:
    return compare_predictions(
        shop.lake,
        shop.registry,
        shop.sources,
        {LINES.name: LINES},
        window,
        only=only,
        thresholds={} if threshold is None else {"churn": threshold},
        max_payload_bytes=MAX_PAYLOAD,
    )


def customers(shop: AuditedShop, count: int) -> list[int]:
    return shop.lake.table("processed/order_lines").read()["customer_id"].unique().drop_nulls().sort()[:count].to_list()


def send(shop: AuditedShop, customer: int, at: datetime, known_at: datetime, quantity: int = 3) -> None:
    """A line of a customer that happened at one moment and is known from another."""
    end = shop.watermark().offsets[0]
    row = {
        "_event_time": at,
        "invoice_no": f"{990_000 + end % 1000}",
        "stock_code": "85123A",
        "quantity": quantity,
        "unit_price": "2.500",
        "customer_id": customer,
        "country": "United Kingdom",
    }
    shop.land("order_lines", [(end + 10, known_at, order_line(row))])


def test_predictions_that_no_late_row_touches_are_not_even_recomputed(shop: AuditedShop) -> None:
    shop.predict(NOON, customers(shop, 5))
    found = compared(shop)
    assert (found.made, found.touched, found.different, found.missing) == (5, 0, 0, [])


def test_a_late_row_changes_the_prediction_that_lacked_it_and_no_other(shop: AuditedShop) -> None:
    asked = customers(shop, 4)
    ids = shop.predict(NOON, asked)
    send(shop, asked[0], NOON - timedelta(hours=20), NOON + timedelta(days=2))  # late for the first prediction
    send(shop, asked[1], NOON + timedelta(hours=1), NOON + timedelta(days=2))  # happened after it
    after = shop.predict(NOON + timedelta(days=3), asked)

    found = compared(shop)

    assert (found.made, found.touched, found.different) == (8, 1, 1)
    assert {e.prediction_id for e in found.examples} == {ids[0]} != {after[0]}
    # What it would have been, straight from the rows: all of that customer's that had happened by then.
    view = features_of(shop.view, ["orders", "recency_days"])
    rows = shop.lake.table("curated/stg_order_lines").read(columns=list(view.columns))
    entity = pl.DataFrame({"customer_id": [asked[0]]}, schema={"customer_id": pl.Int64})
    t = np.array([to_micros(NOON)])
    values = evaluate(view, prepare(view, rows), entity, t, np.array([HINDSIGHT])).row(0, named=True)
    changed = {e.feature: (e.logged, e.recomputed) for e in found.examples}
    assert changed["orders"][1] == values["orders"] == int(str(changed["orders"][0])) + 1
    assert changed["recency_days"][1] == values["recency_days"] == pytest.approx(20 / 24)
    assert "score" in changed


def test_a_row_that_was_known_but_not_yet_online_is_no_late_row(shop: AuditedShop) -> None:
    [customer] = customers(shop, 1)
    mark = shop.watermark()
    send(shop, customer, NOON - timedelta(hours=30), NOON - timedelta(hours=2))  # late, and known before the prediction
    shop.predict(NOON, [customer], watermark=mark)
    send(shop, customer, NOON - timedelta(hours=20), NOON + timedelta(days=2))

    found = compared(shop)

    changed = {e.feature: (e.logged, e.recomputed) for e in found.examples}
    assert changed["orders"][1] == int(str(changed["orders"][0])) + 1, "one of the two rows came late for it"


def test_rows_outside_of_the_window_or_of_another_source_are_left_out(shop: AuditedShop) -> None:
    [customer] = customers(shop, 1)
    shop.predict(NOON, [customer])
    send(shop, customer, NOON - timedelta(hours=20), NOON + timedelta(days=2))

    assert compared(shop).different == 1
    assert compared(shop, only="order_lines").different == 1
    assert compared(shop, only="exchange_rates").touched == 0
    assert compared(shop, LateWindow(NOON + timedelta(days=3), LATER)).touched == 0


def test_a_released_record_came_late(shop: AuditedShop) -> None:
    [customer] = customers(shop, 1)
    end = shop.watermark().offsets[0]
    row = {
        "_event_time": NOON - timedelta(hours=5),
        "invoice_no": "990001",
        "stock_code": "85123A",
        "quantity": 20_000,
        "unit_price": "2.500",
        "customer_id": customer,
        "country": "United Kingdom",
    }
    shop.land("order_lines", [(end + 10, NOON - timedelta(hours=4), order_line(row))])
    shop.predict(NOON, [customer])
    shop.release(end + 10, NOON + timedelta(days=1), quantity="200")

    assert compared(shop).different == 1


def test_what_cannot_be_recomputed_is_named(shop: AuditedShop) -> None:
    [customer] = customers(shop, 1)
    shop.predict(NOON, [customer], model_version="0" * 12)
    send(shop, customer, NOON - timedelta(hours=20), NOON + timedelta(days=2))

    found = compared(shop)

    assert (found.touched, found.different) == (1, 0)
    assert ["0" * 12 in str(missing) for missing in found.missing] == [True]


def test_a_regret_has_both_scores_and_says_whether_the_decision_would_have_been_the_other(shop: AuditedShop) -> None:
    asked = customers(shop, 4)
    ids = shop.predict(NOON, asked)
    send(shop, asked[0], NOON - timedelta(hours=20), NOON + timedelta(days=2))
    [regret] = compared(shop).regrets
    inputs = [reference.partition(":")[2] for reference in stored(shop).inputs]
    view = features_of(shop.view, inputs)
    rows = shop.lake.table("curated/stg_order_lines").read(columns=list(view.columns))
    entity = pl.DataFrame({"customer_id": [asked[0]]}, schema={"customer_id": pl.Int64})
    values = evaluate(view, prepare(view, rows), entity, np.array([to_micros(NOON)]), np.array([HINDSIGHT]))
    hindsight = float(stored(shop).scorer().score(matrix(values, inputs))[0])
    logged = shop.lake.table("processed/predictions").read().filter(prediction_id=ids[0])["score"].item()
    assert (regret.prediction_id, regret.model, regret.predicted_at) == (ids[0], "churn", NOON)
    assert (regret.score, regret.hindsight, regret.change) == (logged, hindsight, hindsight - logged)
    assert "customer_features:orders" in regret.features
    assert regret.flipped is None
    between, above = (logged + hindsight) / 2, max(logged, hindsight) + 0.01
    assert [compared(shop, threshold=t).regrets[0].flipped for t in (between, above)] == [logged != hindsight, False]
    [summary] = by_model(compared(shop, threshold=between).regrets)
    assert (summary.different, summary.flipped) == (1, int(logged != hindsight))
    assert summary.most_change == abs(hindsight - logged)
    assert summary.by_feature["customer_features:orders"] == 1


def stored(shop: AuditedShop) -> StoredModel:
    production = ModelStore(shop.lake, "churn").production()
    assert production is not None
    return ModelStore(shop.lake, "churn").load(production.version)
