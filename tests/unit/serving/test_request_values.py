"""Values that come with a request over HTTP: what is answered is what the store answers for them in Python."""

from __future__ import annotations

import re
from datetime import datetime

import pytest

from mlinfra_assets.feature_store import Entity, FeatureStore, now, request
from mlinfra_assets.positions import Positions
from tests.support.online import push
from tests.support.served_shop import NOW
from tests.support.shop_lines import LINES, shop_lines

DECLARED = FeatureStore({LINES.name: LINES})
ROWS = shop_lines(customers=5, days=20)
CUSTOMERS = [int(key) for key in ROWS["customer_id"].drop_nulls().unique().sort()]


@DECLARED.create_feature_view("asked", [Entity("customer", ["customer_id"])], online=True)
def asked(stg_order_lines):
    return {
        "double": request("basket", "float64") * 2,
        "age": now().seconds_between(request("seen", "timestamp")),
        "year": request("born", "date").year(),
        "lines": stg_order_lines.count(),
        "large": request("big", "boolean"),
        "capitals": request("code", "string").upper(),
    }


GIVEN = {"basket": 12.5, "seen": "2011-12-09T12:50:00Z", "born": "1999-12-31", "big": True, "code": "post"}


@pytest.fixture
def ask(api, store):
    push(store, asked, ROWS, Positions({0: 10**9}))

    def post(request_values, entities=CUSTOMERS[:2]):
        body = {"features": ["asked"], "entities": [{"customer_id": c} for c in entities]}
        return api.post("/v1/features", json=body if request_values is None else body | {"request": request_values})

    return post


def test_values_for_all_or_for_each_entity_are_taken(ask):
    first, second = (one["features"] for one in ask(GIVEN).json()["results"])
    assert first | {"asked:lines": 0} == second | {"asked:lines": 0}
    assert first["asked:double"] == 25.0
    assert first["asked:age"] == (NOW - datetime.fromisoformat("2011-12-09T12:50:00Z")).total_seconds()
    assert first["asked:year"] == 1999
    assert first["asked:large"] is True
    assert first["asked:capitals"] == "POST"
    each = ask([GIVEN, GIVEN | {"basket": None, "code": "d"}]).json()["results"]
    assert [one["features"]["asked:double"] for one in each] == [25.0, None]
    assert [one["features"]["asked:capitals"] for one in each] == ["POST", "D"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (None, "needs 'basket' .* with each question"),
        (GIVEN | {"baskte": 1.0}, "no feature asks for the request value 'baskte'"),
        (GIVEN | {"basket": "12.5"}, "'basket' is a float64"),
        (GIVEN | {"seen": "2011-12-09T12:50:00"}, "'seen' is a timestamp"),
        (GIVEN | {"seen": "yesterday"}, "write a time such as 2011-12-09T12:50:00Z"),
        (GIVEN | {"born": "31.12.1999"}, "write a date such as 2011-12-09"),
        ([GIVEN], "1 requests for 2 entities"),
    ],
)
def test_what_is_not_what_features_want_is_refused(ask, given, message):
    answer = ask(given)
    assert answer.status_code == 422
    assert re.search(message, answer.json()["error"]["message"])


def test_a_request_is_limited(ask):
    assert ask({f"v{i}": 1 for i in range(1_000)}).status_code == 422
    assert ask(GIVEN | {"code": "x" * 10_001}).status_code == 422
    assert ask(GIVEN | {"code": [1]}).status_code == 422
