"""A home with everything on it, as tests of the graph drive it: runs, ticks of sensors, and what came of them."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
from dagster._core.definitions.sensor_definition import SensorExecutionData

from mlinfra_assets import names
from mlinfra_assets.clock import HomeClock
from mlinfra_assets.definitions import build_definitions
from mlinfra_assets.demo.graph import RANGE_END, RANGE_START
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.positions import Positions
from mlinfra_assets.redis_server import connect, embedded
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.redis_log import RedisLog
from resources.environments import resources_for


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

    def run(
        self, *keys: tuple[str, ...], resources: Mapping[str, Any] | None = None, **options: Any
    ) -> dg.ExecuteInProcessResult:
        """Materialize assets; never raises. `resources` take the place of the platform's own, by name."""
        definitions = self.definitions
        if resources:
            definitions = build_definitions(self.settings, resource_overrides=resources)
        job = definitions.resolve_implicit_global_asset_job_def()
        config = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, **options.pop("run_config", {})}
        return job.execute_in_process(
            instance=self.instance,
            asset_selection=[dg.AssetKey(key) for key in keys],
            raise_on_error=False,
            run_config=config,
            **options,
        )

    def ingest(self, source: str, **config: Any) -> dg.ExecuteInProcessResult:
        """Bring a source into raw and through its contract; `config` is that of the processed asset."""
        asked = {"run_config": {"ops": {f"processed_{source}": {"config": config}}}} if config else {}
        return self.run(*names.ingested(source), **asked)

    def snapshot(self, view: str, first: date, last: date | None = None, **options: Any) -> dg.ExecuteInProcessResult:
        """Materialize a view's snapshot of a day, or those of a range of days in one run."""
        if last is None:
            return self.run(names.features(view), partition_key=first.isoformat(), **options)
        tags = {RANGE_START: first.isoformat(), RANGE_END: last.isoformat()}
        return self.run(names.features(view), tags=tags, **options)

    def tick(
        self, sensor: str, *, cursor: str | None = None, resources: Mapping[str, Any] | None = None
    ) -> SensorExecutionData:
        """What a sensor says now, without a daemon."""
        repository = self.definitions.get_repository_def()
        known = {**resources_for(self.settings), **(resources or {})}
        context = dg.build_sensor_context(
            instance=self.instance, cursor=cursor, repository_def=repository, resources=known
        )
        return repository.get_sensor_def(sensor).evaluate_tick(context)

    def asked(self, sensor: str) -> list[list[str]]:
        """The assets that a sensor asks for now, request by request; a request without a choice is its whole target."""
        requests = self.tick(sensor).run_requests or []
        return [sorted(key.to_user_string() for key in r.asset_selection or ()) for r in requests]

    def check(self, asset: tuple[str, ...], name: str) -> dg.AssetCheckEvaluation | None:
        """The newest evaluation of an asset check."""
        key = dg.AssetCheckKey(dg.AssetKey(asset), name)
        history = self.instance.event_log_storage.get_asset_check_execution_history(key, limit=1)
        if not history or history[0].event is None or history[0].event.dagster_event is None:
            return None
        return history[0].event.dagster_event.asset_check_evaluation_data

    def newest_day(self, view: str) -> date:
        """The last day that a view has a snapshot of."""
        newest = self.rows(f"features/{view}", columns=["day"])["day"].max()
        assert isinstance(newest, date)
        return newest

    def served(self) -> dict[str, tuple[int, str, Mapping[str, Positions]]]:
        """What Redis serves of each view: number of the push, version and watermark."""
        return {view.name: (view.number, view.version, view.watermark) for view in self.store.views()}

    def rows(self, name: str, **how: Any) -> pl.DataFrame:
        """Rows of a table."""
        return self.lake.table(name).read(**how)

    def count(self, name: str) -> int:
        """Rows of a table."""
        return self.lake.table(name).count()


def settings_at(home: Path) -> Settings:
    """Embedded settings on a home."""
    return Settings(home=home, lake=str(home / "lake"))


@contextmanager
def copied(settings: Settings) -> Iterator[Platform]:
    """A copy of a home that nobody is working on, and an ephemeral Dagster instance."""
    with tempfile.TemporaryDirectory(prefix="mlinfra-test-") as folder, dg.DagsterInstance.ephemeral() as instance:
        home = Path(folder) / "home"
        shutil.copytree(settings.home, home, ignore=shutil.ignore_patterns("*.sock", "*.lock", "dagster"))
        copy = Platform(settings_at(home), instance)
        try:
            yield copy
        finally:
            copy.redis.close()
            embedded(copy.settings).release()
