"""All addresses there are: each asks for its scope, is described, and takes nothing that could be fetched."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.gate import OPEN
from mlinfra_assets.serving.scopes import KINDS
from mlinfra_assets.settings import PROJECT
from tests.support.api_keys import bearer, key
from tests.support.intake import make_intake

NAMES = re.compile(r"ur[il]|href|link|callback|webhook|host|endpoint|address", re.IGNORECASE)


@pytest.fixture
def app(store, client, log, clock, settings):
    keys = ",".join(key(kind, kind, kind) for kind in KINDS) + "," + key("root", "root", "*")
    intake = make_intake(client, log, clock, settings)
    return create_app(store, log, clock, replace(settings, api_keys=keys), intake=intake)


@pytest.fixture
def addresses(app):
    paths = app.openapi()["paths"]
    return sorted((method.upper(), path) for path, methods in paths.items() for method in methods)


def test_every_address_asks_for_its_scope(app, addresses):
    asked = {}
    with TestClient(app, raise_server_exceptions=False) as caller:
        for method, path in addresses:
            if path in OPEN:
                continue
            filled = re.sub(r"\{\w+\}", "name", path)
            assert caller.request(method, filled, json={}).status_code == 401, path
            statuses = {
                kind: caller.request(method, filled, json={}, headers=bearer(kind)).status_code
                for kind in (*KINDS, "root")
            }
            assert statuses.pop("root") not in {401, 403}, path
            asked[path] = {kind for kind, status in statuses.items() if status != 403}
    # What needs a scope of its own and one for the view that it is about opens to no key that has but one of them.
    assert {path: kinds for path, kinds in asked.items() if len(kinds) > 1} == {}
    assert [path for path, kinds in asked.items() if not kinds] == ["/v1/lineage/{view}/{feature}"]
    assert asked["/v1/predict/{model}"] == {"predict"}
    assert asked["/metrics"] == {"metrics"}


def test_every_address_stands_on_a_page(addresses):
    pages = "\n".join(page.read_text() for page in (PROJECT / "docs").glob("api*.md"))
    named = [path.partition("/{")[0] for _, path in addresses]
    assert [path for path in named if path not in pages] == []


def test_every_address_is_described_and_versioned_or_of_somebody_elses_protocol(app, addresses):
    paths = app.openapi()["paths"]
    assert all(paths[path][method.lower()].get("summary") for method, path in addresses)
    others = {path for _, path in addresses if not path.startswith("/v1/")}
    assert others == {"/health/live", "/health/ready", "/metrics", "/get-online-features"}


def test_no_address_takes_an_address(app):
    described = app.openapi()
    taken = [
        name
        for schema in described["components"]["schemas"].values()
        for name, what in schema.get("properties", {}).items()
        if NAMES.search(name) or what.get("format") in {"uri", "url"}
    ]
    taken += [
        parameter["name"]
        for methods in described["paths"].values()
        for operation in methods.values()
        for parameter in operation.get("parameters", [])
        if NAMES.search(parameter["name"])
    ]
    assert taken == []
