"""The access log, request ids, and Prometheus's numbers."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.online.lag import PartitionLag, ViewState
from mlinfra_assets.serving.access_log import AccessLog
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from tests.support.api_keys import bearer, key
from tests.support.online import epoch_of
from tests.support.served_shop import LINES, NOW

FIELDS = {"at", "request_id", "key", "client", "method", "address", "status", "ms", "entities"}


def body(*customers):
    return {"features": ["customer_features:orders"], "entities": [{"customer_id": c} for c in customers]}


@contextmanager
def serving(store, log, clock, settings, **more):
    with (
        ApiServer(create_app(store, log, clock, replace(settings, **more)), "127.0.0.1", 0) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=180) as caller,
    ):
        yield caller


def logged(settings):
    return [json.loads(line) for line in (settings.home / "logs" / "access.jsonl").read_text().splitlines()]


def numbers(text):
    families = text_string_to_metric_families(text)
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


def test_each_request_is_a_line_without_values_paths_or_keys(loaded, log, clock, settings):
    keys = key("shop", "open sesame", "features")
    with serving(loaded, log, clock, settings, api_keys=keys) as caller:
        caller.post("/v1/features", json=body(987_654_321, 5), headers=bearer("open sesame"))
        caller.post("/v1/features?secret=987654321", json=body(1), headers=bearer("wrong key"))
        caller.post("/v1/predict/987654321", json=body(1), headers=bearer("open sesame"))
        caller.get("/987654321", headers=bearer("open sesame"))
    lines = logged(settings)
    assert all(line.keys() == FIELDS for line in lines)
    assert [(one["key"], one["method"], one["address"], one["status"], one["entities"]) for one in lines] == [
        ("shop", "POST", "/v1/features", 200, 2),
        (None, "POST", "unknown", 401, 0),
        ("shop", "POST", "/v1/predict/{model}", 403, 0),
        ("shop", "GET", "unknown", 404, 0),
    ]
    assert {one["client"] for one in lines} == {"127.0.0.1"}
    text = (settings.home / "logs" / "access.jsonl").read_text()
    assert not [secret for secret in ("987654321", "sesame", "wrong key") if secret in text]


def test_a_request_keeps_its_id_or_is_given_one(loaded, log, clock, settings):
    with serving(loaded, log, clock, settings) as caller:
        answers = [caller.get("/health/live", headers={"x-request-id": i}) for i in ("a-1.b_2", 'x"y', "a" * 65, "")]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert ids[0] == "a-1.b_2"
    assert all(len(given) == 32 for given in ids[1:])
    assert [line["request_id"] for line in logged(settings)] == ids


def test_a_failure_has_its_id_too(loaded, log, clock, settings, monkeypatch):
    monkeypatch.setattr(type(loaded), "read_views", lambda *_: 1 / 0)
    with serving(loaded, log, clock, settings) as caller:
        answer = caller.post("/v1/features", json=body(1), headers={"x-request-id": "mine"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, "mine")
    assert [(line["status"], line["request_id"]) for line in logged(settings)] == [(500, "mine")]


def test_the_log_may_be_elsewhere_or_nowhere(loaded, log, clock, settings, tmp_path):
    for name in (str(tmp_path / "elsewhere" / "log"), "none"):
        with serving(loaded, log, clock, settings, api_access_log=name) as caller:
            caller.get("/health/live")
    assert len((tmp_path / "elsewhere" / "log").read_text().splitlines()) == 1
    assert not (settings.home / "logs").exists()


def test_a_full_log_is_put_aside_and_one_that_was_moved_is_made_anew(settings):
    log = AccessLog(replace(settings, api_access_log_bytes=10_000))
    file = settings.home / "logs" / "access.jsonl"
    for number in range(2_000):
        log.write({"number": number})
    aside = file.with_name("access.jsonl.1")
    assert 0 < aside.stat().st_size < 20_000
    kept = [json.loads(line)["number"] for f in (aside, file) for line in f.read_text().splitlines()]
    assert kept == list(range(kept[0], 2_000))
    file.rename(file.with_name("moved"))
    for number in range(300):
        log.write({"number": number})
    assert file.exists()


def test_a_log_that_cannot_be_written_stops_nothing(loaded, log, clock, settings):
    (settings.home / "logs").write_text("in the way")
    with serving(loaded, log, clock, settings) as caller:
        assert caller.post("/v1/features", json=body(1)).status_code == 200
        found = numbers(caller.get("/metrics").text)
    assert found[("mlinfra_api_access_log_lost_lines",)] == 1


def test_the_numbers_are_those_of_the_requests_and_of_the_moment(loaded, log, clock, settings):
    with serving(loaded, log, clock, settings) as caller:
        for customers in ((1,), (1, 2, 3)):
            caller.post("/v1/features", json=body(*customers))
        caller.post("/v1/features", content=b"{")
        answer = caller.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=")
    found = numbers(answer.text)
    address = ("address", "/v1/features")
    assert found[("mlinfra_api_requests_total", address, ("status", "200"))] == 2
    assert found[("mlinfra_api_requests_total", address, ("status", "422"))] == 1
    assert found[("mlinfra_api_entities_total", address)] == 4
    assert found[("mlinfra_api_request_seconds_count", address)] == 3
    assert found[("mlinfra_api_requests_in_progress",)] == 1
    assert found[("mlinfra_online_store_up",)] == found[("mlinfra_prediction_log_up",)] == 1
    view = ("view", "customer_features")
    assert found[("mlinfra_view_age_seconds", view)] == (to_micros(NOW) - epoch_of(LINES)) / 1_000_000
    assert found[("mlinfra_view_entities", view)] == loaded.views()[0].entities


def test_the_lag_of_live_views_is_what_their_updaters_said(loaded, log, clock, settings):
    now = to_micros(NOW)
    state = ViewState("customer_features", "order_lines", "v", "live", "", 10, now, "me")
    loaded.lag.tell(state, [PartitionLag("customer_features", 3, 41, 7, 1.5, now - 2_000_000, "me")])
    with serving(loaded, log, clock, settings) as caller:
        found = numbers(caller.get("/metrics").text)
    of = (("partition", "3"), ("view", "customer_features"))
    assert found[("mlinfra_live_lag_records", *of)] == 7
    assert found[("mlinfra_live_lag_seconds", *of)] == 1.5
    assert found[("mlinfra_live_told_seconds_ago", *of)] == 2.0


def test_the_metrics_need_their_scope_and_answer_without_redis(loaded, log, clock, settings, monkeypatch):
    from mlinfra_assets.errors import UnavailableError

    def gone(*_):
        raise UnavailableError("gone")

    keys = ",".join([key("a", "one", "features"), key("b", "two", "metrics")])
    with serving(loaded, log, clock, settings, api_keys=keys) as caller:
        assert caller.get("/metrics").status_code == 401
        assert caller.get("/metrics", headers=bearer("one")).status_code == 403
        monkeypatch.setattr(type(loaded), "views", gone)
        monkeypatch.setattr(type(log), "end", gone)
        found = numbers(caller.get("/metrics", headers=bearer("two")).text)
    assert found[("mlinfra_online_store_up",)] == found[("mlinfra_prediction_log_up",)] == 0


@pytest.mark.parametrize("path", ["/v1/features", "/metrics", "/nowhere"])
def test_the_server_does_not_say_what_it_is_made_of(loaded, log, clock, settings, path):
    with serving(loaded, log, clock, settings) as caller:
        assert "server" not in caller.get(path).headers
