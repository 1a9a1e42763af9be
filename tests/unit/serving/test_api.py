from __future__ import annotations

import subprocess
import sys

import orjson

from mlinfra_assets.errors import MlinfraError

ASK = {"features": ["customer_features:orders"], "entities": [{"customer_id": 1}]}


def test_without_keys_only_this_machines_names_are_answered_to(api):
    for host in ("127.0.0.1:8090", "localhost", "[::1]:8090"):
        assert api.get("/health/live", headers={"host": host}).status_code == 200
    for host in ("shop.example", "127.0.0.1.shop.example", ""):
        assert api.get("/health/live", headers={"host": host}).status_code == 403


def test_a_body_past_the_limit_is_refused_whether_it_says_so_or_not(api, loaded):
    large = b" " * (1 << 20) + b"{}"

    def pieces():
        yield large[: 1 << 19]
        yield large[1 << 19 :]

    for body in (large, pieces()):
        answer = api.post("/v1/features", content=body, headers={"content-type": "application/json"})
        assert (answer.status_code, answer.json()["error"]["message"]) == (
            413,
            "the request is larger than 1048576 bytes",
        )


def test_a_body_in_pieces_is_read_whole(api, loaded):
    text = orjson.dumps(ASK)
    answer = api.post("/v1/features", content=iter([text[:9], text[9:]]), headers={"content-type": "application/json"})
    assert answer.status_code == 200


def test_a_web_page_cannot_send_a_simple_request(api, loaded):
    answer = api.post("/v1/features", content=orjson.dumps(ASK), headers={"content-type": "text/plain"})
    assert answer.status_code == 422


def test_readiness_says_what_is_loaded(api, loaded, client):
    found = api.get("/health/ready").json()
    assert found["status"] == "ready"
    assert found["models"] == {"churn": "v1"}
    assert found["views"]["customer_features"]["version"] == loaded.views()[0].version
    client.flushall()
    answer = api.get("/health/ready")
    assert answer.status_code == 503
    assert "materialize online/<view>" in answer.json()["error"]["message"]
    assert api.get("/health/live").json() == {"status": "live"}


def test_an_unforeseen_error_shows_no_traceback(api, loaded, monkeypatch):
    monkeypatch.setattr(type(loaded), "read_views", lambda *_: 1 / 0)
    answer = api.post("/v1/features", json=ASK)
    assert (answer.status_code, answer.json()) == (500, {"error": {"message": "the server failed; its log says how"}})


def test_an_error_of_ours_is_told(api, loaded, monkeypatch):
    def fail(*_):
        raise MlinfraError("the sum does not fit")

    monkeypatch.setattr(type(loaded), "read_views", fail)
    answer = api.post("/v1/features", json=ASK)
    assert (answer.status_code, answer.json()) == (500, {"error": {"message": "the sum does not fit"}})


def test_unknown_addresses_and_methods_have_the_same_form(api):
    for answer, status in ((api.get("/v2"), 404), (api.get("/v1/features"), 405)):
        assert answer.status_code == status
        assert answer.json()["error"]["message"]


def test_the_api_describes_itself(api):
    paths = api.get("/openapi.json").json()["paths"]
    assert {"/v1/features", "/v1/predict/{model}", "/get-online-features", "/health/live", "/metrics"} <= set(paths)
    assert api.get("/docs").status_code == 200


def test_the_app_needs_neither_dagster_nor_the_lake():
    code = (
        "import sys, mlinfra_assets.serving.api, mlinfra_assets.serving.server\n"
        "print(sorted(m for m in sys.modules if m.split('.')[0] in {'dagster', 'deltalake', 'duckdb', 'pandas'}"
        " or m.startswith('mlinfra_assets.lake')))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
