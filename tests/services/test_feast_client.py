"""Feast's protocol, asked by Feast's own client and answered as by Feast's own server, in Feast's own environment."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import httpx
import pytest

from bench.harness.cache import default_folder
from bench.harness.peers import PeersUnavailableError, interpreter
from mlinfra_assets.clock import FixedClock
from mlinfra_assets.feature_store.online.services import OnlineService
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.lacking import lacks
from tests.support.online import client, push, redis_server, store
from tests.support.served_shop import HABITS, KEYS, LINES, NOW, VIEW, WHOLE

__all__ = ["client", "redis_server", "store"]

SCRIPT = Path(__file__).parents[1] / "support" / "feast_client.py"
NAME = VIEW.name
REFERENCES = [f"{NAME}:{feature}" for feature in HABITS]
NEVER_SEEN = 1


@pytest.fixture(scope="module")
def feast() -> Path:
    """The Python that has Feast."""
    try:
        return interpreter(default_folder())
    except PeersUnavailableError as error:
        lacks(str(error))


@pytest.fixture
def api(store, client, settings):
    push(store, VIEW, LINES, WHOLE)
    store.services.put(1, [OnlineService("habits", "1", tuple(REFERENCES))])
    app = create_app(store, RedisLog(client), FixedClock(NOW), settings)
    with (
        ApiServer(app, "127.0.0.1", 0) as server,
        httpx.Client(base_url=server.url, trust_env=False, timeout=60) as caller,
    ):
        yield caller


def columns(answer: dict) -> dict[str, dict]:
    """Each column by its name, with whole seconds: the rest of an event's time does not come through Feast's store."""
    found = dict(zip(answer["metadata"]["feature_names"], answer["results"], strict=True))
    for column in found.values():
        column["event_timestamps"] = [f"{text[:19]}Z" for text in column["event_timestamps"]]
    return found


def test_feasts_client_and_server_agree_with_us(api, feast, tmp_path):
    served = api.post("/v1/features", json={"features": REFERENCES, "entities": [{"customer_id": key} for key in KEYS]})
    results = served.json()["results"]
    whole = [one for one in results if None not in one["features"].values()][:5]
    rows = [
        {
            "customer_id": one["entity"]["customer_id"],
            **{feature: one["features"][f"{NAME}:{feature}"] for feature in HABITS},
            "event_timestamp": one["views"][NAME]["latest_event"].replace("Z", "+00:00"),
        }
        for one in whole
    ]
    keys = [row["customer_id"] for row in rows] + [NEVER_SEEN, rows[0]["customer_id"]]
    requests = [
        {"features": REFERENCES, "entities": {"customer_id": keys}},
        {"features": REFERENCES, "entities": {"customer": keys}, "full_feature_names": True},
        {"feature_service": "habits", "entities": {"customer_id": keys, "unknown": keys}},
        {"features": REFERENCES[:1], "entities": {"customer_id": keys}, "include_feature_view_version_metadata": True},
    ]
    job = {
        "url": str(api.base_url).rstrip("/"),
        "folder": str(tmp_path),
        "view": NAME,
        "key": "customer_id",
        "features": {feature: str(VIEW.schema[feature]) for feature in HABITS},
        "service": "habits",
        "rows": rows,
        "entities": [{"customer_id": key} for key in keys],
        "requests": requests,
    }
    # Without -P the modules beside the script would stand for those of the standard library.
    done = subprocess.run([feast, "-P", SCRIPT], input=json.dumps(job), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2_000:]
    found = json.loads(done.stdout.splitlines()[-1])

    for request, theirs in zip(requests, found["server"], strict=True):
        ours = api.post("/get-online-features", json=request).json()
        # Feast keeps the features of a view in a set: their order differs from one process to the next.
        assert columns(ours) == columns(theirs)
        assert set(ours) == set(theirs)
        assert set(ours["metadata"]) == set(theirs["metadata"])
        assert ours["metadata"].get("feature_view_metadata") == theirs["metadata"].get("feature_view_metadata")

    expected = {feature: [row[feature] for row in rows] + [None, rows[0][feature]] for feature in HABITS}
    listed = found["listed"]
    assert {feature: listed[feature] for feature in HABITS} == expected
    assert listed["customer_id"] == keys
    assert {feature: found["full"][f"{NAME}__{feature}"] for feature in HABITS} == expected
    assert {feature: found["service"][feature] for feature in HABITS} == expected
    assert "key customer_id is an integer, not 'text'" in found["refused"]
