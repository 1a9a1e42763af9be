"""What all tests share: a home folder of their own, and which real services are there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlinfra_assets.settings import Settings
from tests.support.lacking import lacks

SERVICES = {
    "redis": ("MLINFRA_TEST_REDIS_URL", "address of a Redis server that tests may write to and flush"),
    "kafka": ("MLINFRA_TEST_KAFKA", "bootstrap servers of a Kafka whose topics tests may create and delete"),
    "postgres": ("MLINFRA_TEST_POSTGRES", "libpq URL of a superuser of a Postgres with logical decoding"),
    "connect": ("MLINFRA_TEST_CONNECT", "address of a Kafka Connect with Debezium, on the Kafka of MLINFRA_TEST_KAFKA"),
    "data": ("MLINFRA_TEST_DATA", "folder of the real data sets"),
}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker in item.iter_markers("service"):
        name = marker.args[0]
        variable, meaning = SERVICES[name]
        if os.environ.get(variable):
            continue
        lacks(f"needs {name}: set {variable} ({meaning})")


@pytest.fixture
def redis_url() -> str:
    """Address of the real Redis server (marker `service("redis")`), in a database of this process alone."""
    url = os.environ["MLINFRA_TEST_REDIS_URL"]
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
    return f"{url}{'&' if '?' in url else '?'}db={worker}"


@pytest.fixture
def kafka_servers() -> str:
    """Bootstrap servers of the real Kafka (use with the marker `service("kafka")`)."""
    return os.environ["MLINFRA_TEST_KAFKA"]


@pytest.fixture
def postgres_url() -> str:
    """libpq URL of a superuser of the real Postgres (use with the marker `service("postgres")`)."""
    return os.environ["MLINFRA_TEST_POSTGRES"]


@pytest.fixture
def connect_url() -> str:
    """Address of the real Kafka Connect (use with the marker `service("connect")`)."""
    return os.environ["MLINFRA_TEST_CONNECT"]


@pytest.fixture
def real_data() -> Path:
    """Folder of the real data sets (use with the marker `service("data")`)."""
    return Path(os.environ["MLINFRA_TEST_DATA"])


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Embedded settings with a home folder of their own."""
    return Settings(home=tmp_path, lake=str(tmp_path / "lake"))


@pytest.fixture(autouse=True)
def _environment() -> Iterator[None]:
    """What a command that runs in this process sets for its child processes ends with the test."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
