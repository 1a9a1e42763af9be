"""The Python client against the API itself; what it does about trouble against a server that makes some."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest

from mlinfra_assets.client import (
    ApiDownError,
    ApiError,
    AsyncClient,
    Client,
    NotAllowedError,
    NotFoundError,
    RefusedError,
    TooManyRequestsError,
)
from mlinfra_assets.client.sending import KEY, URL
from mlinfra_assets.feature_store.online.services import OnlineService
from mlinfra_assets.names import PREDICTIONS
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from tests.support.api_keys import key
from tests.support.closed_port import closed_port
from tests.support.served_shop import KEYS, NOW
from tests.support.stream_behaviour import read

NAMES = ["customer_features:orders", "customer_features:recency_days"]
ENTITIES = [{"customer_id": KEYS[0]}, {"customer_id": 1}]
DONE = (200, {}, orjson.dumps({"at": "2011-01-01T00:00:00Z", "results": [], "frozen": {}}))
DOWN = (503, {}, b'{"error": {"message": "Redis is gone"}}')


@pytest.fixture
def asking(api, loaded) -> Iterator[Client]:
    loaded.services.put(1, [OnlineService("habits", "1", tuple(NAMES))])
    with Client(str(api.base_url), timeout=60) as found:
        yield found


@pytest.fixture
def troubled() -> Iterator[Troubled]:
    found = Troubled()
    yield found
    found.close()


class Troubled:
    """A server that answers what it is told to, one answer a request, and then that all is well."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, str], bytes]] = []
        self.asked: list[tuple[str, dict[str, str]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.do_POST()

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers.get("content-length", "0")))
                outer.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                status, headers, body = outer.answers.pop(0) if outer.answers else DONE
                self.send_response(status)
                for name, value in {**headers, "content-length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def test_features_come_typed(api, asking):
    found = asking.features(NAMES, ENTITIES, details=True)
    plain = api.post("/v1/features", json={"features": NAMES, "entities": ENTITIES}).json()
    assert found.at == NOW
    assert [one.features for one in found.results] == [one["features"] for one in plain["results"]]
    seen, unseen = found.results
    assert seen.details[NAMES[0]].status == "present"
    assert seen.details[NAMES[0]].event_time is not None
    assert unseen.details[NAMES[0]].event_time is None
    assert asking.features("habits", ENTITIES).results[0].features == seen.features


def test_a_prediction_comes_typed_and_is_logged(asking, log):
    (made,) = asking.predict("churn", ENTITIES[:1]).predictions
    assert 0 <= made.score <= 1
    assert made.prediction_id.encode() in read(log, PREDICTIONS)["key"].to_list()


def test_it_does_the_same_with_asyncio(api, asking):
    async def ask() -> list:
        async with AsyncClient(str(api.base_url), timeout=60) as found:
            many = await asyncio.gather(*(found.features(NAMES, [entity]) for entity in ENTITIES))
            made = await found.predict("churn", ENTITIES)
            with pytest.raises(NotFoundError, match="there is no feature view 'nothing'"):
                await found.features(["nothing"], ENTITIES)
            return [*(one.results[0] for one in many), made.model]

    assert asyncio.run(ask()) == [*asking.features(NAMES, ENTITIES).results, "churn"]


def test_errors_say_what_the_api_says(asking):
    with pytest.raises(NotFoundError, match="there is no model 'churns' in production; did you mean 'churn'") as caught:
        asking.predict("churns", ENTITIES)
    assert caught.value.status == 404
    with pytest.raises(RefusedError, match=r"entities\.0 lacks customer_id") as caught:
        asking.features(NAMES, [{}])
    assert caught.value.status == 422
    with pytest.raises(RefusedError, match="features: List should have at least 1 item") as caught:
        asking.features([], ENTITIES)
    assert caught.value.reasons


def test_address_and_key_come_from_the_environment(loaded, log, clock, settings, monkeypatch):
    keys = key("shop", "s" * 40, "features")
    with ApiServer(create_app(loaded, log, clock, replace(settings, api_keys=keys)), "127.0.0.1", 0) as server:
        monkeypatch.setenv(URL, server.url)
        with Client(timeout=60) as client, pytest.raises(NotAllowedError, match="bring an API key"):
            client.features(NAMES, ENTITIES)
        monkeypatch.setenv(KEY, "s" * 40)
        with Client(timeout=60) as client:
            assert len(client.features(NAMES, ENTITIES).results) == 2
            with pytest.raises(NotAllowedError, match="not good for"):
                client.predict("churn", ENTITIES)
            assert "s" * 40 not in repr(client) + repr(vars(client))


def test_what_may_be_asked_twice_is_asked_again(troubled):
    troubled.answers = [DOWN, DOWN]
    with Client(troubled.url) as client:
        assert client.features(NAMES, ENTITIES).results == []
    assert len(troubled.asked) == 3


def test_a_prediction_is_asked_for_once(troubled):
    troubled.answers = [DOWN]
    with Client(troubled.url) as client, pytest.raises(ApiDownError, match="Redis is gone"):
        client.predict("churn", ENTITIES)
    assert len(troubled.asked) == 1


def test_what_was_turned_away_is_asked_again_after_a_while(troubled):
    refused = b'{"error": {"message": "too many"}}'
    troubled.answers = [(429, {"Retry-After": "0"}, refused)] * 3
    with Client(troubled.url, retries=2) as client, pytest.raises(TooManyRequestsError) as caught:
        client.predict("churn", ENTITIES)
    assert (len(troubled.asked), caught.value.retry_after) == (3, 0.0)


def test_records_are_sent_again_under_the_same_key(troubled):
    taken = orjson.dumps({"source": "s", "accepted": 1, "refused": 0, "records": [{"partition": 0, "offset": 7}]})
    troubled.answers = [DOWN, (202, {}, taken)]
    with Client(troubled.url) as client:
        assert client.ingest("s", [{"a": 1}]).records[0].offset == 7
    names = [headers["idempotency-key"] for _, headers in troubled.asked]
    assert names[0] == names[1]
    assert troubled.asked[0][0] == "/v1/ingest/s"


def test_names_in_addresses_are_quoted(troubled):
    troubled.answers = [(200, {}, b'{"same": true}')]
    with Client(troubled.url) as client:
        assert client.replay("a/../b?c") == {"same": True}
    assert troubled.asked[0][0] == "/v1/predictions/a%2F..%2Fb%3Fc/replay"


def test_an_api_that_is_not_there_is_said(troubled):
    with Client(f"http://127.0.0.1:{closed_port()}", retries=1) as client, pytest.raises(ApiDownError) as caught:
        client.predict("churn", ENTITIES)
    assert "does not answer" in str(caught.value)


def test_what_is_no_answer_of_the_api_is_said(troubled):
    troubled.answers = [(200, {}, b"<html>"), (404, {}, b"<html>")]
    with Client(troubled.url) as client:
        with pytest.raises(ApiError, match="is this the API"):
            client.features(NAMES, ENTITIES)
        with pytest.raises(NotFoundError, match="it is no answer of this API"):
            client.features(NAMES, ENTITIES)
