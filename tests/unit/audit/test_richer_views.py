"""Views that look up others, ask for a value in the request, or give lists, recomputed from raw; and old versions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import polars as pl
import pytest

from mlinfra_assets.audit.bits import Mismatch, Value
from mlinfra_assets.audit.explain import causes
from mlinfra_assets.audit.from_raw import FromRaw
from mlinfra_assets.audit.logged import LoggedPrediction, UsedView, logged_predictions
from mlinfra_assets.audit.raw_rows import Integrity
from mlinfra_assets.audit.vectors import Vectors, recompute
from mlinfra_assets.clock import to_micros
from mlinfra_assets.curated.sql_text import fingerprint
from mlinfra_assets.feature_store import Entity, FeatureStore, FeatureView, request
from mlinfra_assets.feature_store.pure_python import pure_python
from mlinfra_assets.feature_store.registry import ViewDocument
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.positions import Positions
from mlinfra_assets.registry.registry import Registry
from tests.support.audited_shop import MAX_PAYLOAD, RUN, AuditedShop, sources
from tests.support.registered import registration
from tests.support.shop_lines import LINES
from tests.support.staging import STAGING_SQL

T = datetime(2011, 2, 10, tzinfo=UTC)
customer, country = Entity("customer", ["customer_id"]), Entity("country", ["country"])


def line(number: int, customer_id: int, land: str, code: str, quantity: int, day: int) -> tuple[int, datetime, bytes]:
    at = datetime(2011, 2, day, 9, tzinfo=UTC)
    message = {
        "InvoiceNo": f"{536_000 + number}",
        "StockCode": code,
        "Description": "A THING",
        "Quantity": quantity,
        "InvoiceDate": at.strftime("%Y-%m-%d %H:%M:%S"),
        "UnitPrice": 2.5,
        "CustomerID": f"{customer_id}.0",
        "Country": land,
    }
    return 10 * number, at + timedelta(seconds=2), orjson.dumps(message)


@pytest.fixture
def shop(tmp_path: Path) -> AuditedShop:
    lake = Lake(str(tmp_path / "lake"))
    made = AuditedShop(lake, Registry(lake), sources())
    made.land(
        "order_lines",
        [
            line(1, 100, "France", "22001", 1, 1),
            line(2, 200, "France", "22002", 2, 2),
            line(3, 100, "France", "22003", 3, 3),
            line(4, 200, "France", "22004", 4, 4),
            line(5, 300, "Spain", "22005", 5, 5),
        ],
    )
    return made


def document(shop: AuditedShop, view: FeatureView) -> ViewDocument:
    contract = shop.sources["order_lines"].contract
    rests_on = {"contract order_lines": contract.fingerprint, "sql stg_order_lines": fingerprint(STAGING_SQL)}
    uses = {used.name: document(shop, used) for used in view.uses}
    return ViewDocument(view, rests_on, STAGING_SQL, "order_lines", orjson.loads(contract.to_json()), uses)


def register(shop: AuditedShop, view: FeatureView) -> str:
    contract, made = shop.sources["order_lines"].contract, document(shop, view)
    shop.registry.record_contract("order_lines", contract.fingerprint, contract.to_json(), registration())
    shop.registry.record_view(made, registration())
    return made.version


def declared(features: Callable[[Any, FeatureView], Mapping[str, Any]]) -> FeatureView:
    """A view `customers` that may use one of countries."""
    store = FeatureStore({LINES.name: LINES})
    by_country = store.create_feature_view("by_country", [country])(
        lambda stg_order_lines: {"n": stg_order_lines.count()}
    )
    return store.create_feature_view("customers", [customer])(
        lambda stg_order_lines: features(stg_order_lines, by_country)
    )


def prediction(
    version: str,
    features: Mapping[str, Value],
    offset: int = 50,
    customer_id: int = 100,
    asked: Mapping[str, Value] | None = None,
) -> LoggedPrediction:
    """Of a customer at T, when the lines up to an offset had been seen."""
    return LoggedPrediction(
        prediction_id=f"{version}-{offset}-{customer_id}",
        model="churn",
        model_version="0",
        entity={"customer_id": customer_id},
        predicted_at=to_micros(T),
        features={f"customers:{name}": value for name, value in features.items()},
        score=None,
        views={"customers": UsedView(version, {"order_lines": Positions({0: offset})})},
        scores={},
        request=asked or {},
    )


def recomputed(shop: AuditedShop, *predictions: LoggedPrediction) -> Vectors:
    made = FromRaw(shop.lake, shop.registry, shop.sources, MAX_PAYLOAD, Integrity())
    return recompute(predictions, made, shop.registry, shop.lake)


def test_a_feature_of_another_view_counts_rows_of_other_entities(shop: AuditedShop) -> None:
    view = declared(lambda lines, by_country: {"around": by_country["n"].at(country=lines["country"].last())})
    version = register(shop, view)
    late, early, other = (
        prediction(version, {"around": None}, offset, who) for offset, who in ((50, 100), (20, 100), (50, 300))
    )

    found = recomputed(shop, late, early, other)

    assert found.missing == []
    values = [found.values[p.prediction_id]["customers:around"] for p in (late, early, other)]
    assert values == [4, 2, 1]


def test_a_row_that_is_different_behind_a_view_that_is_used_is_named(shop: AuditedShop) -> None:
    view = declared(lambda lines, by_country: {"around": by_country["n"].at(country=lines["country"].last())})
    logged = prediction(register(shop, view), {"around": 3})
    found = recomputed(shop, logged)
    lost = shop.lake.table(LINES.table).read().filter(pl.col("_offset") != 40)
    shop.lake.table(LINES.table).replace(lost, provenance=RUN)

    lines = causes([Mismatch(logged.prediction_id, "churn", "customers", "around", 3, 4)], [logged], found, shop.lake)

    assert lines == [
        f"raw/order_lines gives a row of any entity from partition 0, offset 40, row 0 that {LINES.table} does not have"
    ]


def test_a_value_in_the_request_is_taken_from_the_event(shop: AuditedShop) -> None:
    view = declared(lambda lines, _: {"ratio": request("amount", "float64") / lines["line_amount"].sum()})
    version = register(shop, view)
    logged = prediction(version, {"ratio": 2.5}, asked={"amount": 25})

    found = recomputed(shop, logged)

    assert found.values[logged.prediction_id]["customers:ratio"] == 2.5


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({}, "the event has no request value 'amount', which view customers needs"),
        ({"amount": "25"}, "the event has the request value amount='25', where view customers needs a float64"),
        ({"amount": True}, "the event has the request value amount=True, where view customers needs a float64"),
    ],
)
def test_a_request_that_is_not_there_or_of_another_type_is_missing(
    shop: AuditedShop, asked: dict[str, Value], why: str
) -> None:
    view = declared(lambda lines, _: {"ratio": request("amount", "float64") / lines["line_amount"].sum()})
    logged = prediction(register(shop, view), {"ratio": 2.5}, asked=asked)

    assert [missing.why for missing in recomputed(shop, logged).missing] == [why]


def test_a_feature_that_needs_no_request_needs_none_in_the_event(shop: AuditedShop) -> None:
    view = declared(lambda lines, _: {"n": lines.count(), "ratio": request("amount", "float64") / lines.count()})
    logged = prediction(register(shop, view), {"n": 2})

    assert recomputed(shop, logged).values[logged.prediction_id] == {"customers:n": 2}


def test_times_and_dates_in_a_request_are_whole_numbers(shop: AuditedShop) -> None:
    view = declared(
        lambda lines, _: {
            "waited": request("since", "timestamp").seconds_between(lines["invoiced_at"].last()),
            "weekday": request("on", "date").weekday(),
        }
    )
    since = to_micros(datetime(2011, 2, 3, 9, 1, 40, tzinfo=UTC))
    logged = prediction(register(shop, view), {"waited": 0.0, "weekday": 0}, asked={"since": since, "on": 15_018})

    values = recomputed(shop, logged).values[logged.prediction_id]

    # Day 15,018 is 13 February 2011, a Sunday.
    assert values == {"customers:waited": 100.0, "customers:weekday": 7}


def test_a_list_is_compared_as_json_has_it(shop: AuditedShop) -> None:
    view = declared(lambda lines, _: {"codes": lines["stock_code"].last_n(3), "times": lines["invoiced_at"].last_n(1)})
    logged = prediction(register(shop, view), {"codes": ["22001", "22003"], "times": []})

    found = recomputed(shop, logged).values[logged.prediction_id]

    third = to_micros(datetime(2011, 2, 3, 9, tzinfo=UTC))
    assert found == {"customers:codes": ["22001", "22003"], "customers:times": [third]}


def test_a_feature_that_the_version_does_not_have_is_missing_alone(shop: AuditedShop) -> None:
    version = register(shop, declared(lambda lines, _: {"n": lines.count()}))
    right, wrong = prediction(version, {"n": 2}), prediction(version, {"m": 2}, customer_id=200)

    found = recomputed(shop, right, wrong)

    assert found.values[right.prediction_id] == {"customers:n": 2}
    assert [missing.prediction_id for missing in found.missing] == [wrong.prediction_id]
    assert "has no feature 'm'" in found.missing[0].why


def test_each_version_is_evaluated_as_it_was_declared(shop: AuditedShop) -> None:
    def first() -> FeatureView:
        @pure_python(returns="string")
        def tier(lines: int | None) -> str | None:
            return "many" if lines is not None and lines > 1 else "few"

        return declared(
            lambda lines, by_country: {"tier": tier(lines.count()), "n": by_country["n"].at(country="Spain")}
        )

    def second() -> FeatureView:
        @pure_python(returns="string")
        def tier(lines: int | None) -> str | None:
            return "two" if lines == 2 else "other"

        return declared(
            lambda lines, by_country: {"tier": tier(lines.count()), "n": by_country["n"].at(country="France")}
        )

    versions = [register(shop, view()) for view in (first, second)]
    logged = [prediction(version, {"tier": "", "n": 0}) for version in versions]

    found = recomputed(shop, *logged)

    assert versions[0] != versions[1]
    assert found.missing == []
    assert [found.values[p.prediction_id] for p in logged] == [
        {"customers:tier": "many", "customers:n": 1},
        {"customers:tier": "two", "customers:n": 4},
    ]


def test_a_used_view_whose_sql_was_changed_in_the_registry_is_refused(shop: AuditedShop) -> None:
    view = declared(lambda lines, by_country: {"around": by_country["n"].at(country=lines["country"].last())})
    whole = document(shop, view)
    tampered = replace(whole, uses={"by_country": replace(whole.uses["by_country"], sql="select 1 from batch")})
    shop.registry.record_view(tampered, registration())

    found = recomputed(shop, prediction(tampered.version, {"around": 4}))

    assert "which uses view by_country: its SQL is not the one that the version rests on" in found.missing[0].why


def test_an_event_may_carry_a_request() -> None:
    row = {
        "prediction_id": "p",
        "model": "churn",
        "model_version": "0",
        "entity": '{"customer_id":1}',
        "predicted_at": T,
        "features": "{}",
        "score": None,
        "views": "{}",
        "scores": None,
    }
    without, asked = pl.DataFrame([row]), pl.DataFrame([{**row, "request": '{"amount":2.5}'}])

    assert logged_predictions(without)[0].request == {}
    assert logged_predictions(asked)[0].request == {"amount": 2.5}
    assert logged_predictions(asked.with_columns(request=pl.lit(None, pl.String())))[0].request == {}
