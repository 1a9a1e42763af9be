"""What the API says of the lake: registry, catalog, and where a value comes from."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import httpx
import polars as pl
import pytest

from mlinfra_assets.contracts.declaration import load_sources
from mlinfra_assets.curated.row_wise import row_wise_models
from mlinfra_assets.datasets import SOURCES
from mlinfra_assets.features import fs
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.registry.registry import Registry
from mlinfra_assets.retrieval.store import open_store
from mlinfra_assets.settings import Settings
from tests.support.api_keys import bearer, key
from tests.support.lake_api import NOW, VIEW, LakeApi
from tests.support.registered import registration
from tests.support.shop_lines import LINES

MOMENT = "2011-02-14T09:30:00Z"


@pytest.fixture(scope="module")
def lake_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeApi]:
    home = tmp_path_factory.mktemp("home") / "home"
    found = LakeApi(Settings(home=home, lake=str(home / "lake")))
    documents = Documents(fs.datasets, load_sources(SOURCES), row_wise_models())
    for view in fs.views.values():
        documents.register(Registry(found.shop.lake), view, registration().at, "run-1")
    yield found
    found.close()


@pytest.fixture(scope="module")
def api(lake_api: LakeApi) -> Iterator[httpx.Client]:
    with lake_api.running() as http:
        yield http


def get(api: httpx.Client, path: str, **params: Any) -> dict:
    answer = api.get(path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_registry_lists_what_is_declared_and_registered(api):
    found = get(api, "/v1/registry")
    assert [view["view"] for view in found["views"]["items"]] == sorted(fs.views)
    assert {view["state"] for view in found["views"]["items"]} == {"registered"}
    assert [entity["entity"] for entity in found["entities"]["items"]] == ["customer", "product"]
    assert found["services"]["items"][0]["features"] == list(fs.services["churn_inputs"].features)
    assert found["models"]["items"][0]["model"] == "churn"
    assert found["models"]["items"][0]["versions"] == []


def test_pages_join_to_the_whole(api):
    names, cursor, pages, page = [], "", 0, {}
    while cursor is not None:
        page = get(api, "/v1/registry/views", limit=2, cursor=cursor)
        names += [view["view"] for view in page["items"]]
        cursor, pages = page["next"], pages + 1
    assert (names, pages, page["total"]) == (sorted(fs.views), 2, 3)
    assert api.get("/v1/registry/views", params={"limit": 0}).status_code == 422
    assert api.get("/v1/registry/nothing").status_code == 422


def test_a_view_is_described_and_has_a_history(api):
    found = get(api, f"/v1/registry/views/{VIEW}")
    assert [feature["feature"] for feature in found["features"]] == [f.name for f in fs.views[VIEW].features]
    assert found["owner"] == "team:retention"
    assert {use["name"] for use in found["used_by"]} == {"churn", "churn_inputs"}
    history = get(api, f"/v1/registry/views/{VIEW}/history")
    assert [(one["version"], one["run_id"]) for one in history["versions"]] == [(found["version"], "run-1")]
    assert get(api, f"/v1/registry/views/{VIEW}", version=found["version"][:5])["version"] == found["version"]
    for path in ("/v1/registry/views/nothing", "/v1/registry/views/nothing/history"):
        assert api.get(path).status_code == 404
    assert api.get(f"/v1/registry/views/{VIEW}", params={"version": "0123"}).status_code == 404


def test_the_catalog_says_what_a_table_holds_and_who_answers_for_it(api, lake_api):
    names = [table["table"] for table in get(api, "/v1/catalog")["items"]]
    assert names == lake_api.shop.lake.tables()
    found = get(api, "/v1/catalog/curated/stg_order_lines")
    assert (found["rows"], found["zone"], found["run_id"]) == (lake_api.shop.lines.height, "curated", "dbt")
    assert found["freshness"]["state"] == "undeclared"
    assert found["positions"]["order_lines"]["offsets"] == {"0": lake_api.shop.lines["_offset"].max()}
    assert api.get("/v1/catalog/curated/nothing").status_code == 404


def test_columns_are_classified_as_their_contract_says(api, lake_api):
    contract = load_sources(SOURCES)["order_lines"].contract
    lake_api.shop.lake.table("processed/order_lines").append(
        pl.DataFrame(schema=contract.polars_schema()), provenance=Provenance("run-2", "code")
    )
    found = get(api, "/v1/catalog/processed/order_lines")
    said = {column["name"]: (column["classification"], column["protected"]) for column in found["columns"]}
    assert {f.name: (f.classification, f.protected) for f in contract.fields}.items() <= said.items()
    assert found["protected"] == sorted(field.name for field in contract.fields if field.protected)
    assert found["owner"] == ", ".join(load_sources(SOURCES)["order_lines"].needs.owners)
    assert found["freshness"]["state"] in {"fresh", "late", "overdue"}


@pytest.mark.parametrize("feature", ["orders", "monetary_30d", "return_rate", "recency_days"])
def test_a_value_is_traced_to_the_rows_that_it_is_made_of(api, lake_api, feature):
    lines = lake_api.shop.lines
    customer = int(lines["customer_id"].drop_nulls().mode()[0])
    found = get(api, f"/v1/lineage/{VIEW}/{feature}", customer_id=customer, at=MOMENT, limit=1_000)
    t = datetime(2011, 2, 14, 9, 30, tzinfo=UTC)
    asked = pl.DataFrame({"customer_id": [customer], "event_timestamp": pl.Series([t], dtype=pl.Datetime("us", "UTC"))})
    table = open_store(lake_api.settings).get_historical_features(asked, [f"{VIEW}:{feature}"])
    assert found["value"] == table[feature][0]
    mine = lines.filter((pl.col("customer_id") == customer) & (pl.col("_known_at") <= t))
    sales, returns = mine.filter("is_sale"), mine.filter("is_return")
    counted = {
        "orders": sales,
        "monetary_30d": sales.filter(pl.col("_event_time") > t - pl.duration(days=30)),
        "return_rate": pl.concat([sales, returns]),
        "recency_days": sales,
    }[feature]
    assert [row["_offset"] for row in found["rows"]] == sorted(counted["_offset"])
    assert found["rows_in_all"] == counted.height > 0
    assert found["tables"][0] == {
        "table": LINES.table,
        "version": lake_api.shop.lake.table(LINES.table).version(),
        "run_id": "dbt",
        "code_version": "code",
        "inputs": {},
        "positions": {"order_lines": {"offsets": {"0": lines["_offset"].max()}, "releases": 0}},
    }


def test_an_entity_never_seen_has_no_rows_and_a_row_known_later_does_not_count(api, lake_api):
    found = get(api, f"/v1/lineage/{VIEW}/orders", customer_id=1, at=MOMENT)
    assert (found["value"], found["status"], found["rows"]) == (None, "not_found", [])
    customer = int(lake_api.shop.lines["customer_id"][0])
    early = get(api, f"/v1/lineage/{VIEW}/orders", customer_id=customer, at=MOMENT, known_at="2011-01-01T00:00:00Z")
    assert (early["status"], early["rows_in_all"]) == ("not_found", 0)
    whole = get(api, f"/v1/lineage/{VIEW}/orders", customer_id=customer, limit=1)
    assert len(whole["rows"]) == 1 <= whole["rows_in_all"]
    assert whole["at"] == NOW.isoformat().replace("+00:00", "Z")


@pytest.mark.parametrize(
    ("path", "params", "status", "said"),
    [
        (f"{VIEW}/nothing", {"customer_id": 1}, 404, "has no feature 'nothing'"),
        ("nothing/orders", {"customer_id": 1}, 404, "there is no feature view 'nothing'"),
        (f"{VIEW}@0123/orders", {"customer_id": 1}, 404, "has no version '0123'"),
        (f"{VIEW}/orders", {}, 422, "needs the join key 'customer_id'"),
        (f"{VIEW}/orders", {"customer_id": 1, "x": 2}, 422, "has no join key 'x'"),
        (f"{VIEW}/orders", {"customer_id": "a"}, 422, "is an integer of 64 bits"),
        (f"{VIEW}/orders", {"customer_id": "9" * 5_000}, 431, ""),
        (f"{VIEW}/orders", {"customer_id": 1, "at": "2011-01-01"}, 422, "at"),
        (f"{VIEW}/orders", {"customer_id": 1, "limit": 10_000}, 422, "limit"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(api, path, params, status, said):
    answer = api.get(f"/v1/lineage/{path}", params=params)
    error = answer.json()["error"]
    assert answer.status_code in {status, 422}
    assert said in " ".join([error["message"], *error.get("reasons", [])])


def test_it_needs_the_scope_and_for_a_value_the_view(lake_api):
    keys = ",".join([key("all", "a" * 40, "registry+features"), key("list", "b" * 40, "registry")])
    with lake_api.running(api_keys=keys) as http:
        path = f"/v1/lineage/{VIEW}/orders?customer_id=1"
        assert http.get(path, headers=bearer("a" * 40)).status_code == 200
        assert http.get(path, headers=bearer("b" * 40)).status_code == 403
        assert http.get("/v1/registry", headers=bearer("b" * 40)).status_code == 200
        assert http.get("/v1/catalog").status_code == 401


def test_the_days_of_a_view_are_in_the_catalog_with_its_owner(api, lake_api):
    open_store(lake_api.settings).materialize(VIEW, date(2011, 3, 9))
    found = get(api, f"/v1/catalog/features/{VIEW}")
    assert found["owner"] == "team:retention"
    assert found["inputs"] == {LINES.table: lake_api.shop.lake.table(LINES.table).version()}
    described = {column["name"]: column["description"] for column in found["columns"]}
    assert described["orders"] == "count_distinct(invoice_no) where is_sale"
