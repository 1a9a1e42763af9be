"""What the API says of itself holds: every address is described, and every example is one that it takes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from time import monotonic
from typing import Any

import httpx
import pytest

from mlinfra_assets.serving.docs_page import example_of
from mlinfra_assets.settings import Settings
from tests.support.lake_api import LakeApi
from tests.support.online import push
from tests.support.served_shop import INPUTS, LINES, VIEW, WHOLE

METHODS = {"get", "post", "put", "delete"}
PATH_VALUES = {
    "model": "churn",
    "source": "order_lines",
    "view": "customer_features",
    "feature": "orders",
    "kind": "views",
    "table": "curated/stg_order_lines",
}


@pytest.fixture(scope="module")
def lake_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeApi]:
    home = tmp_path_factory.mktemp("home") / "home"
    found = LakeApi(Settings(home=home, lake=str(home / "lake")))
    yield found
    found.close()


@pytest.fixture(scope="module")
def api(lake_api: LakeApi, onnx: bytes) -> Iterator[httpx.Client]:
    store = lake_api.store()
    push(store, VIEW, LINES, WHOLE)
    store.push_model("churn", "v1", onnx, INPUTS, 1)
    with lake_api.running() as http:
        yield http


@pytest.fixture(scope="module")
def document(api: httpx.Client) -> dict[str, Any]:
    return api.get("/openapi.json").json()


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS & set(item):
            yield method, path, item[method]


def test_every_address_is_described_and_versioned(document):
    for method, path, operation in operations(document):
        assert operation["summary"], (method, path)
        assert operation["description"], (method, path)
        assert path.startswith(("/v1/", "/health/")) or path in {"/get-online-features", "/metrics"}
        for parameter in operation.get("parameters", []):
            named_by_path = parameter["name"] in PATH_VALUES
            assert named_by_path or parameter.get("description"), (path, parameter["name"])


def test_every_reference_in_the_document_leads_somewhere(document):
    names = set(document["components"]["schemas"])
    for reference in re.findall(r'"\$ref": ?"#/components/schemas/([^"]+)"', str(document).replace("'", '"')):
        assert reference in names


def test_every_example_is_taken(api, document, lake_api):
    posted = 0
    for method, path, operation in operations(document):
        if method != "post":
            continue
        example = example_of(document, operation)
        assert example is not None, path
        kind, body = example
        address = path.format_map(PATH_VALUES)
        sent = {"content": body} if isinstance(body, str) else {"json": body}
        answer = api.request(method, address, headers={"content-type": kind}, **sent)
        assert answer.status_code in {200, 202}, (path, answer.text)
        posted += 1
    assert posted >= 6


def test_every_address_that_is_read_answers(api, document):
    body = {
        "features": ["customer_features:orders"],
        "entities": [{"customer_id": 1, "event_timestamp": "2011-02-01T00:00:00Z"}],
    }
    number = api.post("/v1/training-sets", json=body).json()["id"]
    end = monotonic() + 180
    while api.get(f"/v1/training-sets/{number}").json()["state"] in {"waiting", "running"}:
        assert monotonic() < end
    for method, path, operation in operations(document):
        if method != "get" or "{prediction_id}" in path:  # no prediction has been brought in here
            continue
        given = {p["name"]: p["example"] for p in operation.get("parameters", []) if "example" in p}
        params = {name: value for one in given.values() for name, value in one.items()}
        answer = api.get(path.format_map({**PATH_VALUES, "number": number}), params=params)
        assert answer.status_code == 200, (path, answer.text)


def test_the_page_needs_nothing_from_elsewhere(api, document):
    answer = api.get("/docs")
    assert answer.status_code == 200
    assert not re.search(r"(src|href)=['\"](https?:)?//|@import|<script", answer.text)
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for _, path, operation in operations(document):
        assert f"<code>{path}</code>" in answer.text
        assert operation["summary"] in answer.text.replace("&#x27;", "'")
    assert api.get("/redoc").status_code == 404
