"""A home on which the demo was played once, and copies of it to work on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mlinfra_assets.dagster_home import prepare
from mlinfra_assets.demo.play import play
from mlinfra_assets.demo.progress import SilentProgress
from mlinfra_assets.demo.result import DemoResult
from mlinfra_assets.redis_server import embedded
from mlinfra_assets.settings import Settings
from tests.support.mini_shop import mini_shop
from tests.support.platform import Platform, copied, settings_at


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> tuple[Settings, DemoResult]:
    """A home on which the demo was played once; not to be changed."""
    home = tmp_path_factory.mktemp("played")
    settings = settings_at(home)
    prepare(settings.dagster_home)
    result = play(settings, mini_shop(), SilentProgress())
    embedded(settings).release()
    return settings, result


@pytest.fixture
def platform(played: tuple[Settings, DemoResult]) -> Iterator[Platform]:
    """A copy of the played home, to be changed at will."""
    with copied(played[0]) as copy:
        yield copy
