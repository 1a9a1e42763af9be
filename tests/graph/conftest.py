"""A home on which the demo was played once, and copies of it to work on."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from mlinfra_assets.clock import HomeClock
from mlinfra_assets.dagster_home import prepare
from mlinfra_assets.definitions import build_definitions
from mlinfra_assets.demo.play import play
from mlinfra_assets.demo.progress import SilentProgress
from mlinfra_assets.demo.result import DemoResult
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.redis_server import connect, embedded
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.redis_log import RedisLog
from tests.support.mini_shop import mini_shop


@dataclass
class Platform:
    """A home with everything on it, and an ephemeral Dagster instance to run on."""

    settings: Settings
    instance: dg.DagsterInstance

    def __post_init__(self) -> None:
        self.lake = Lake(self.settings.lake)
        client = connect(self.settings)
        self.log = RedisLog(client)
        self.store = OnlineStore(client)
        self.redis = client
        self.clock = HomeClock(self.settings.home)
        self.definitions = build_definitions(self.settings)

    def run(self, *keys: tuple[str, ...], **options: Any) -> dg.ExecuteInProcessResult:
        """Materialize assets; never raises."""
        job = self.definitions.resolve_implicit_global_asset_job_def()
        config = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, **options.pop("run_config", {})}
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(key) for key in keys],
            raise_on_error=False,
            run_config=config,
            **options,
        )

    def count(self, name: str) -> int:
        """Rows of a table."""
        return self.lake.table(name).count()


def settings_at(home: Path) -> Settings:
    """Embedded settings on a home."""
    return Settings(home=home, lake=str(home / "lake"))


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
    with tempfile.TemporaryDirectory(prefix="mlinfra-test-") as folder, dg.DagsterInstance.ephemeral() as instance:
        home = Path(folder) / "home"
        shutil.copytree(played[0].home, home, ignore=shutil.ignore_patterns("*.sock", "*.lock", "dagster"))
        copy = Platform(settings_at(home), instance)
        try:
            yield copy
        finally:
            copy.redis.close()
            embedded(copy.settings).release()
