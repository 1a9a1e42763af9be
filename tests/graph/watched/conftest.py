from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mlinfra_assets.settings import Settings
from tests.support.watched_shop import WatchedShop, build, copied


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """The home as it was made; not to be changed."""
    return build(tmp_path_factory.mktemp("watched") / "home")


@pytest.fixture
def shop(built: Settings, tmp_path: Path) -> Iterator[WatchedShop]:
    """A copy of it, to be changed at will."""
    with copied(built, tmp_path / "home") as copy:
        yield copy
