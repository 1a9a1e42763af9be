"""Training sets over the API: the same values as `get_historical_features`, made in the background."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from time import monotonic

import httpx
import orjson
import polars as pl
import pytest

from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.retrieval.store import open_store
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from mlinfra_assets.settings import Settings
from mlinfra_assets.training_sets import jobs
from mlinfra_assets.training_sets.folder import STARTED
from tests.support.api_keys import bearer, key
from tests.support.lake_api import NOW, VIEW, LakeApi

FEATURES = [f"{VIEW}:orders", f"{VIEW}:average_order_value", f"{VIEW}:recency_days"]
ADDRESS = "/v1/training-sets"
TIMES = [datetime(2011, 1, 20, tzinfo=UTC), datetime(2011, 2, 14, 9, 30, 0, 123_456, tzinfo=UTC), NOW]


@pytest.fixture(scope="module")
def lake_api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LakeApi]:
    home = tmp_path_factory.mktemp("home") / "home"
    found = LakeApi(Settings(home=home, lake=str(home / "lake")))
    yield found
    found.close()


@pytest.fixture(scope="module")
def spine(lake_api: LakeApi) -> pl.DataFrame:
    moments = pl.DataFrame({"event_timestamp": pl.Series(TIMES, dtype=pl.Datetime("us", "UTC"))})
    asked = lake_api.shop.lines.select(pl.col("customer_id").drop_nulls().unique().sort()).join(moments, how="cross")
    return asked.with_columns(pl.lit("a").alias("kept"))


@pytest.fixture(scope="module")
def expected(lake_api: LakeApi, spine: pl.DataFrame) -> pl.DataFrame:
    return open_store(lake_api.settings).get_historical_features(spine, FEATURES)


@pytest.fixture
def waiting(lake_api: LakeApi) -> Iterator[httpx.Client]:
    """An API that takes training sets on and makes none."""
    with lake_api.running(training_set_workers=0, training_set_waiting=1_000) as http:
        yield http


def rows(frame: pl.DataFrame) -> list[dict]:
    return orjson.loads(orjson.dumps(frame.to_dicts(), option=orjson.OPT_UTC_Z))


def until(http: httpx.Client, number: str, wanted: Callable[[dict], bool], seconds: float = 180) -> dict:
    end = monotonic() + seconds
    while not wanted(found := http.get(f"{ADDRESS}/{number}").json()):
        assert monotonic() < end, found
    return found


def settled(found: dict) -> bool:
    return found["state"] in {"done", "failed"}


def asked(http: httpx.Client, **body: object) -> dict:
    answer = http.post(ADDRESS, json=body)
    assert answer.status_code == 202, answer.text
    assert answer.headers["location"] == f"{ADDRESS}/{answer.json()['id']}"
    return answer.json()


def problem(answer: httpx.Response) -> str:
    error = answer.json()["error"]
    return " ".join([error["message"], *error.get("reasons", [])])


def test_the_values_are_those_of_get_historical_features_in_every_form(lake_api, spine, expected):
    with lake_api.running() as http:
        number = asked(http, features=FEATURES, entities=rows(spine))["id"]
        done = until(http, number, settled)
        assert (done["state"], done["message"], done["rows"]) == ("done", "", spine.height)
        parquet = http.get(f"{ADDRESS}/{number}/rows")
        assert pl.read_parquet(BytesIO(parquet.content)).equals(expected)
        arrow = http.get(f"{ADDRESS}/{number}/rows", params={"format": "arrow"})
        assert pl.read_ipc_stream(BytesIO(arrow.content)).equals(expected)
        lines = http.get(f"{ADDRESS}/{number}/rows", params={"format": "ndjson"})
        assert [orjson.loads(line) for line in lines.content.splitlines()] == rows(expected)
        assert lines.headers["content-type"] == "application/x-ndjson"


def test_rows_may_come_as_lines_and_in_hindsight(lake_api, spine):
    few = spine.head(7).drop("kept")
    body = b"\n".join(orjson.dumps(row) for row in rows(few))
    options = {"features": FEATURES, "known": "hindsight", "full_feature_names": "true"}
    with lake_api.running() as http:
        answer = http.post(ADDRESS, content=body, params=options, headers={"content-type": "application/x-ndjson"})
        assert answer.status_code == 202, answer.text
        number = answer.json()["id"]
        assert until(http, number, settled)["state"] == "done"
        found = pl.read_parquet(BytesIO(http.get(f"{ADDRESS}/{number}/rows").content))
    store = open_store(lake_api.settings)
    assert found.equals(store.get_historical_features(few, FEATURES, known="hindsight", full_feature_names=True))


def test_rows_may_stand_in_a_table_that_the_setting_allows(lake_api, spine, expected):
    lake_api.shop.lake.table("training/asked").replace(spine, provenance=Provenance("run", "code"))
    table = {"name": "training/asked", "columns": ["customer_id", "event_timestamp", "kept"]}
    with lake_api.running(training_set_tables="training/, curated/x") as http:
        made = asked(http, features=FEATURES, table=table)
        assert made["table"] == {**table, "version": lake_api.shop.lake.table("training/asked").version()}
        assert until(http, made["id"], settled)["state"] == "done"
        found = pl.read_parquet(BytesIO(http.get(f"{ADDRESS}/{made['id']}/rows").content))
        assert found.sort("customer_id", "event_timestamp").equals(expected)
        answer = http.post(ADDRESS, json={"features": FEATURES, "table": {"name": "curated/stg_order_lines"}})
        assert answer.status_code == 422
        assert "MLINFRA_TRAINING_SET_TABLES allows training/, curated/x" in problem(answer)
        answer = http.post(ADDRESS, json={"features": FEATURES, "table": {"name": "training/../raw"}})
        assert answer.status_code == 422


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"features": ["nothing:x"]}, "there is no feature view 'nothing'"),
        ({"features": FEATURES, "service": "churn_inputs"}, "name either features or a service"),
        ({"service": "churn_input"}, "did you mean 'churn_inputs'"),
        ({"features": FEATURES, "known": "known_then"}, "known='known_then' is neither"),
        ({"features": FEATURES, "entities": [{"event_timestamp": "2011-01-01T00:00:00Z"}]}, "needs the key"),
        ({"features": FEATURES, "entities": [{"customer_id": 1}]}, "no time column"),
        (
            {"features": FEATURES, "entities": [{"customer_id": "a", "event_timestamp": "2011-01-01T00:00:00Z"}]},
            "entities.0.customer_id: 'a' is no int64",
        ),
        (
            {"features": FEATURES, "entities": [{"customer_id": 1, "event_timestamp": "2011-01-01T00:00:00"}]},
            "write a time with its zone",
        ),
        (
            {"features": FEATURES, "entities": [{"customer_id": 2**70, "event_timestamp": "2011-01-01T00:00:00Z"}]},
            "does not fit in a int64",
        ),
        ({"features": FEATURES, "entities": []}, "at least 1 item"),
        ({"features": FEATURES, "entities": [{"a": []}]}, "entities.0.a"),
    ],
)
def test_what_cannot_be_made_is_refused_at_once(waiting, body, said):
    entities = [{"customer_id": 1, "event_timestamp": "2011-01-01T00:00:00Z"}]
    answer = waiting.post(ADDRESS, json={"entities": entities, **body})
    assert answer.status_code == 422
    assert said in problem(answer)


def test_other_content_and_other_ids_are_refused(waiting):
    assert waiting.post(ADDRESS, content=b"a,b", headers={"content-type": "text/csv"}).status_code == 415
    lines = {"content-type": "application/x-ndjson"}
    answer = waiting.post(ADDRESS, content=b"{", params={"features": FEATURES}, headers=lines)
    assert (answer.status_code, "record 1 is not JSON" in problem(answer)) == (422, True)
    for number in ("0" * 32, "../../clock", "A" * 32):
        assert waiting.get(f"{ADDRESS}/{number}").status_code in {404, 422}
        assert waiting.get(f"{ADDRESS}/{number}/rows").status_code in {404, 422}


def test_rows_are_limited(lake_api, spine):
    with lake_api.running(training_set_max_rows=2) as http:
        answer = http.post(ADDRESS, json={"features": FEATURES, "entities": rows(spine.head(3))})
        assert (answer.status_code, "3 rows ask" in problem(answer)) == (422, True)


def test_what_waits_is_limited_and_taken_on_by_the_next_process(lake_api, spine):
    body = {"features": FEATURES[:1], "entities": rows(spine.head(3))}
    with lake_api.running(training_set_workers=0, training_set_waiting=1_000) as http:
        number = asked(http, **body)["id"]
        assert http.get(f"{ADDRESS}/{number}").json()["state"] == "waiting"
        answer = http.get(f"{ADDRESS}/{number}/rows")
        assert (answer.status_code, "it is waiting" in problem(answer)) == (409, True)
    with lake_api.running(training_set_workers=0, training_set_waiting=1) as http:
        answer = http.post(ADDRESS, json=body)
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "1")
    with lake_api.running() as http:
        assert until(http, number, settled)["state"] == "done"


def test_one_that_was_interrupted_says_so(lake_api, spine):
    with lake_api.running(training_set_workers=0) as http:
        number = asked(http, features=FEATURES[:1], entities=rows(spine.head(3)))["id"]
        (lake_api.settings.home / jobs.FOLDER / number / STARTED).touch()
    with lake_api.running() as http:
        found = http.get(f"{ADDRESS}/{number}").json()
        assert (found["state"], "ask for it again" in found["message"]) == ("failed", True)
        answer = http.get(f"{ADDRESS}/{number}/rows")
        assert (answer.status_code, "it was interrupted" in problem(answer)) == (409, True)


def test_a_worker_that_is_killed_has_failed_and_the_next_is_made(lake_api, spine, monkeypatch):
    body = {"features": FEATURES[:1], "entities": rows(spine.head(3))}
    started: list[int] = []
    popen = jobs.subprocess.Popen

    def noted(*args, **kwargs):
        process = popen(*args, **kwargs)
        if jobs.WORKER in args[0]:
            started.append(process.pid)
        return process

    monkeypatch.setattr(jobs.subprocess, "Popen", noted)
    with lake_api.running() as http:
        first, second = asked(http, **body)["id"], asked(http, **body)["id"]
        until(http, first, lambda found: found["state"] == "running")
        os.kill(started[0], signal.SIGKILL)
        failed = until(http, first, lambda found: "signal 9" in found["message"])
        assert failed["state"] == "failed"
        assert until(http, second, settled)["state"] == "done"


def test_they_expire(lake_api, spine):
    with lake_api.running(training_set_workers=0) as http:
        body = {"features": FEATURES[:1], "entities": rows(spine.head(3))}
        number = asked(http, **body)["id"]
        now = lake_api.kept.now()
        lake_api.kept.set(now + timedelta(hours=24))
        answer = http.get(f"{ADDRESS}/{number}")
        assert (answer.status_code, "they are kept for 24 hours" in problem(answer)) == (404, True)
        asked(http, **body)
        assert not (lake_api.settings.home / jobs.FOLDER / number).exists()


def test_a_key_sees_its_own_alone_and_needs_the_views(lake_api, spine):
    keys = ",".join(
        [
            key("ann", "a" * 40, "training+features"),
            key("bob", "b" * 40, "training+features"),
            key("one", "c" * 40, "training+features:product_features"),
            key("none", "d" * 40, "features"),
        ]
    )
    body = {"features": FEATURES[:1], "entities": rows(spine.head(3))}
    with lake_api.running(training_set_workers=0, api_keys=keys) as http:
        number = http.post(ADDRESS, json=body, headers=bearer("a" * 40)).json()["id"]
        assert http.get(f"{ADDRESS}/{number}", headers=bearer("a" * 40)).status_code == 200
        for path in (f"{ADDRESS}/{number}", f"{ADDRESS}/{number}/rows"):
            assert http.get(path, headers=bearer("b" * 40)).status_code == 404
            assert http.get(path, headers=bearer("d" * 40)).status_code == 403
            assert http.get(path).status_code == 401
        assert http.post(ADDRESS, json=body, headers=bearer("c" * 40)).status_code == 403
        assert http.post(ADDRESS, json=body, headers=bearer("d" * 40)).status_code == 403


def test_an_api_without_a_lake_says_so_and_serves_the_rest(loaded, log, clock, settings):
    app = create_app(loaded, log, clock, settings)
    with (
        ApiServer(app, "127.0.0.1", 0) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=60) as http,
    ):
        body = {"features": FEATURES, "entities": [{"customer_id": 1, "event_timestamp": "2011-01-01T00:00:00Z"}]}
        for answer in (
            http.post(ADDRESS, json=body),
            http.get(f"{ADDRESS}/{'0' * 32}"),
            http.get("/v1/registry"),
            http.get("/v1/catalog"),
            http.get("/v1/lineage/a/b", params={"c": 1}),
        ):
            assert (answer.status_code, "this API has no lake" in problem(answer)) == (503, True)
        asked_now = {"features": [f"{VIEW}:orders"], "entities": [{"customer_id": 1}]}
        assert http.post("/v1/features", json=asked_now).status_code == 200
