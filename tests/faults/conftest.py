"""Sources of events on real streams."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlinfra_assets.redis_server import embedded
from mlinfra_assets.settings import Settings
from tests.support.faults.ingestion import Ingestion
from tests.support.faults.worker import Task


@pytest.fixture
def ingestion(tmp_path: Path) -> Iterator[Ingestion]:
    """Events on the embedded Redis of a home of their own."""
    settings = Settings(home=tmp_path, lake=str(tmp_path / "lake"))
    yield Ingestion(settings, Task("events"))
    embedded(settings).release()
