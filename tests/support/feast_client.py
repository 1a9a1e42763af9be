"""Run by the Python that has Feast: its own client against our API, and its own server on the same values.

The job comes as JSON on stdin: `url`, `folder`, `view`, `key`, `features` (name to type), `service`, `rows` (one object
an entity, with `event_timestamp`), `entities`, and `requests` for Feast's server. What was answered goes to stdout.
"""

from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pandas as pd  # pyright: ignore[reportMissingImports]
import requests  # pyright: ignore[reportMissingModuleSource]
import uvicorn
from feast import (  # pyright: ignore[reportMissingImports]
    Entity,
    FeatureService,
    FeatureStore,
    FeatureView,
    Field,
    FileSource,
    RepoConfig,
)
from feast.feature_server import get_app  # pyright: ignore[reportMissingImports]
from feast.types import Float64, Int64  # pyright: ignore[reportMissingImports]
from feast.value_type import ValueType  # pyright: ignore[reportMissingImports]

TYPES = {"int64": Int64, "float64": Float64}


def store(job: dict[str, Any], name: str, online: dict[str, str]) -> FeatureStore:
    folder = f"{job['folder']}/{name}"
    found = FeatureStore(
        config=RepoConfig(
            project="shop",
            provider="local",
            registry=f"{folder}-registry.db",
            offline_store={"type": "duckdb"},
            online_store=online,
            entity_key_serialization_version=3,
        )
    )
    customer = Entity(name="customer", join_keys=[job["key"]], value_type=ValueType.INT64)
    features = [Field(name=feature, dtype=TYPES[kind]) for feature, kind in job["features"].items()]
    view = FeatureView(
        name=job["view"],
        entities=[customer],
        schema=[Field(name=job["key"], dtype=Int64), *features],
        source=FileSource(path=f"{folder}-none.parquet", timestamp_field="event_timestamp"),
    )
    found.apply([customer, view, FeatureService(name=job["service"], features=[view[list(job["features"])]])])
    return found


@contextmanager
def served(own: FeatureStore) -> Iterator[str]:
    """Feast's own server, in a thread."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(get_app(own), log_level="error"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started and thread.is_alive():
        thread.join(0.01)
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join()


def main() -> None:
    job = json.load(sys.stdin)
    remote = store(job, "remote", {"type": "remote", "path": job["url"]})
    references = [f"{job['view']}:{name}" for name in job["features"]]
    listed = remote.get_online_features(references, job["entities"])
    full = remote.get_online_features(references, job["entities"], full_feature_names=True)
    service = remote.get_online_features(remote.get_feature_service(job["service"]), job["entities"])
    try:
        remote.get_online_features([f"{job['view']}:{next(iter(job['features']))}"], [{job["key"]: "text"}])
        refused = ""
    except Exception as error:  # noqa: BLE001 - whatever the client makes of it
        refused = str(error)
    rows = pd.DataFrame(job["rows"])
    rows["event_timestamp"] = [datetime.fromisoformat(text) for text in rows["event_timestamp"]]
    own = store(job, "own", {"type": "sqlite", "path": f"{job['folder']}/online.db"})
    own.write_to_online_store(job["view"], rows)
    with served(own) as url:
        answers = [requests.post(f"{url}/get-online-features", json=one, timeout=60).json() for one in job["requests"]]
    print(  # noqa: T201 - the answer
        json.dumps(
            {
                "listed": listed.to_dict(include_event_timestamps=True),
                "full": full.to_dict(),
                "service": service.to_dict(),
                "refused": refused,
                "server": answers,
            }
        )
    )


if __name__ == "__main__":
    main()
