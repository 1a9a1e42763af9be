"""A small platform with a model in production, a challenger, and predictions whose outcomes have come."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import orjson

from mlinfra_assets.clock import HomeClock
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.home import open_home
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.monitoring import Monitoring
from mlinfra_assets.learning.promotions import NewPromotion
from mlinfra_assets.learning.store import ModelStore
from mlinfra_assets.learning.train import train_and_compare
from mlinfra_assets.learning.trainer import GradientBoosting
from mlinfra_assets.learning.training_set import build_training_set
from mlinfra_assets.redis_server import connect, embedded
from mlinfra_assets.settings import Settings
from resources.environments import resources_for
from tests.support.audited_shop import RUN, TRAINED, AuditedShop, audited_shop
from tests.support.shop_lines import FrameReader
from tests.support.shop_models import shop_model

FIRST, SECOND = datetime(2011, 8, 2, tzinfo=UTC), datetime(2011, 8, 20, tzinfo=UTC)
NOW = FIRST + timedelta(days=61)
MODEL = shop_model(monitoring=Monitoring(min_cases=10))
CUSTOMERS = range(12_000, 12_030)
GOOD, POOR = GradientBoosting(iterations=21, min_leaf=10), GradientBoosting(iterations=1, leaves=2, min_leaf=40)


@dataclass
class WatchedShop:
    """A home of the shop, and an ephemeral Dagster instance."""

    settings: Settings
    instance: dg.DagsterInstance

    @property
    def lake(self) -> Lake:
        return Lake(self.settings.lake)

    @property
    def models(self) -> ModelStore:
        return ModelStore(self.lake, "churn")

    @property
    def clock(self) -> HomeClock:
        return HomeClock(self.settings.home)

    @property
    def online(self) -> OnlineStore:
        return OnlineStore(connect(self.settings))

    @property
    def production(self) -> str:
        found = self.models.production()
        assert found is not None
        return found.version

    @property
    def challenger(self) -> str:
        found = self.models.challenger()
        assert found is not None
        return found

    @property
    def resources(self) -> dict[str, Any]:
        return dict(resources_for(self.settings))

    def materialize(self, *assets: dg.AssetsDefinition, **options: Any) -> dg.ExecuteInProcessResult:
        """Materialize assets in one run."""
        return dg.materialize(list(assets), instance=self.instance, resources=self.resources, **options)

    def check(self, done: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
        """The checks of a run by name: whether they passed, and what they say."""
        return {c.check_name: (c.passed, c.description or "") for c in done.get_asset_check_evaluations()}


def train(shop: AuditedShop, at: datetime, **changes: Any) -> str:
    """Train on a training set that the lake holds; the version."""
    spec = shop_model(**changes)
    read = FrameReader({"stg_order_lines": shop.lake.table("curated/stg_order_lines").read()})
    frame = build_training_set(spec, {shop.view.name: shop.view}, read, at).frame
    table = shop.lake.table("training/churn")
    table.replace(frame, provenance=RUN)
    return train_and_compare(
        spec,
        frame,
        ModelStore(shop.lake, "churn"),
        at,
        training_table=table.name,
        training_version=table.version(),
        provenance=RUN,
    ).model.version


def outcome_events(first: list[str]) -> list[dict]:
    """Twenty that name predictions of the first day, four of an entity, and three that are strange."""
    end = FIRST + timedelta(days=60)
    named = [
        {"outcome_id": i, "model": "churn", "prediction_id": i, "observed_at": end, "label": n % 2}
        for n, i in enumerate(first[:20])
    ]
    seen = SECOND + timedelta(days=1)
    of_entity = [
        {"outcome_id": f"e{c}", "model": "churn", "entity": {"customer_id": c}, "observed_at": seen, "label": 0}
        for c in CUSTOMERS[18:22]
    ]
    strange = [
        {"outcome_id": "nothing", "model": "churn", "observed_at": end, "label": 1},
        {"outcome_id": "nobody", "model": "churn", "prediction_id": "nobody", "observed_at": end, "label": 1},
        {**named[0], "label": 1},
    ]
    return [*named, *of_entity, *strange]


def build(home: Path) -> Settings:
    """Make the home."""
    open_home(home)
    shop = audited_shop(home, customers=40)
    version = train(shop, TRAINED, trainer=GOOD)
    ModelStore(shop.lake, "churn").promote(NewPromotion(version, TRAINED, "its training set is kept"), RUN)
    first = shop.predict(FIRST, CUSTOMERS)
    shop.predict(SECOND, CUSTOMERS)
    train(shop, FIRST, trainer=POOR)
    end = FIRST + timedelta(days=60)
    messages = [orjson.dumps(event) for event in outcome_events(first)]
    shop.land("outcomes", [(n + 1, end, message) for n, message in enumerate(messages)])
    HomeClock(home).set(NOW)
    return Settings(home=home, lake=shop.lake.root)


@contextmanager
def copied(settings: Settings, home: Path) -> Iterator[WatchedShop]:
    """A copy of the home to be changed at will."""
    shutil.copytree(settings.home, home, ignore=shutil.ignore_patterns("*.sock", "*.lock", "redis"))
    own = Settings(home=home, lake=str(home / "lake"))
    with dg.DagsterInstance.ephemeral() as instance:
        try:
            yield WatchedShop(own, instance)
        finally:
            embedded(own).release()
