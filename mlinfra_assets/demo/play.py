"""The story that the demo plays: a shop's year through the whole graph, on the shop's own clock.

At each stop everything that has happened by then comes in, snapshots and the online store catch up, and the API is
asked for a prediction for every customer that is served. At the end outcomes are derived, the model is retrained, and
every prediction is recomputed from raw. Each part can be played again and adds nothing twice.
"""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.clock import HomeClock
from mlinfra_assets.contracts.declaration import load_sources
from mlinfra_assets.dagster_home import recording
from mlinfra_assets.datasets import SOURCES
from mlinfra_assets.definitions import build_definitions
from mlinfra_assets.demo.caller import Caller
from mlinfra_assets.demo.graph import Graph
from mlinfra_assets.demo.progress import Progress
from mlinfra_assets.demo.result import DemoResult
from mlinfra_assets.demo.shop import ShopData
from mlinfra_assets.demo.stages import Stage, stages
from mlinfra_assets.demo.tally import Tally
from mlinfra_assets.demo.till import Till
from mlinfra_assets.errors import UnavailableError
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.features import fs
from mlinfra_assets.ingest.raw import offsets
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.store import ModelStore
from mlinfra_assets.models import declared
from mlinfra_assets.redis_server import connect
from mlinfra_assets.serving.api import create_app
from mlinfra_assets.serving.server import ApiServer
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.redis_log import RedisLog
from mlinfra_assets.streams.write_ahead.log import WriteAheadLog

LOADING = "the asset graph is loaded"
MODEL = "churn"
SHOP, RATES = "order_lines", "exchange_rates"
VIEW = "customer_features"
DRAIN_SECONDS = 60.0
AUDIT = (names.AUDIT, names.PREDICTIONS)
CURATED = ("stg_order_lines", "stg_exchange_rates", "orders", "returns", "customers", "products", "daily_revenue")


class Play:
    """One playing of the demo on one home folder.

    Args:
        settings: Where everything is; `history_start` is the shop's first day.
        shop: What happened in the shop.
        progress: Where steps are shown and timed.
        instance: Where Dagster records the runs.
    """

    def __init__(self, settings: Settings, shop: ShopData, progress: Progress, instance: dg.DagsterInstance) -> None:
        self.settings = settings
        self.shop = shop
        self.progress = progress
        self.lake = Lake(settings.lake)
        self.clock = HomeClock(settings.home)
        self.sources = load_sources(SOURCES)
        self.model = declared()[MODEL]
        client = connect(settings)
        self.log = RedisLog(client)
        self.store = OnlineStore(client)
        horizon = timedelta(microseconds=self.model.label.horizon_us)
        lines = shop.lines
        first, last = (_utc(lines["at"].min()), _utc(lines["at"].max()))
        self.stops = stages(first, last, horizon)
        definitions = build_definitions(settings, last_day=self.stops[-1].snapshot_day)
        self.graph = Graph(definitions, instance)
        raw = self.lake.table(names.table(*names.raw(SHOP)))
        held = offsets(raw, SHOP, [0]).get(0, -1)
        self.till = Till(self.log, self.sources[SHOP].ingest.topic, lines, held)  # pyright: ignore[reportAttributeAccessIssue]

    def run(self) -> DemoResult:
        """Play every stop that was not played yet, and say what came of it."""
        reached = self.clock.now() if self.clock.simulated else None
        app = create_app(self.store, self.log, self.clock, self.settings)
        with ApiServer(app, self.settings.api_host, 0) as server:
            caller = Caller(server.url, MODEL)
            for stop in self.stops:
                if reached is None or stop.at >= reached:
                    self._play(stop, caller, app.state.predictions)
            entity, sample = caller.sample(VIEW, self._served(self.stops[-1].snapshot_day))
        with self.progress.step("audit: every prediction again, from raw"):
            self.graph.run([AUDIT], days=(self.stops[0].at.date(), self.stops[-1].at.date()))
        tally = Tally(self.settings.home, self.lake, self.store, self.sources, self.model, self.shop)
        return tally.result(entity, sample, self.progress.seconds)

    def _play(self, stop: Stage, caller: Caller, predictions: WriteAheadLog) -> None:
        when = f"{stop.at:%Y-%m-%d}"
        self.clock.set(stop.at)
        with self.progress.step(f"{when}: the till sends order lines"):
            self.till.send_until(stop.at)
            self._land_rates(stop.at.date())
        with self.progress.step(f"{when}: raw, contract, quarantine"):
            self._ingest(SHOP, RATES, names.PREDICTIONS, names.OUTCOMES)
        with self.progress.step(f"{when}: dbt: orders, customers, products, revenue"):
            self.graph.run([(names.CURATED, table) for table in CURATED])
        with self.progress.step(f"{when}: daily snapshots, pushed to Redis"):
            self._snapshots(stop.snapshot_day)
        if not self._trained():
            with self.progress.step(f"{when}: training set, model, promotion"):
                self._train()
        if stop.last:
            self._close_the_loop(when)
        if not self._trained():
            self.progress.say(
                f"{when}: no version of {MODEL} is good enough to be promoted yet (see models/{MODEL} in the UI), so "
                "nothing is predicted"
            )
            return
        with self.progress.step(f"{when}: predictions through the API"):
            _await(predictions)
            self._ingest(names.PREDICTIONS)
            caller.predict(self._served(stop.snapshot_day), self._predicted(stop.at))
            _await(predictions)
            self._ingest(names.PREDICTIONS)
        if stop.last:
            with self.progress.step(f"{when}: drift, challenger in shadow"):
                self.graph.run([names.drift(MODEL), names.shadow(MODEL)])

    def _close_the_loop(self, when: str) -> None:
        with self.progress.step(f"{when}: outcomes, performance"):
            self.graph.run([(names.FEEDBACK, f"{MODEL}_outcomes")])
            self._ingest(names.OUTCOMES)
            self.graph.run([names.performance(MODEL)])
        with self.progress.step(f"{when}: retraining, challenger against champion"):
            self._train()

    def _ingest(self, *sources: str) -> None:
        self.graph.run([key for source in sources for key in names.ingested(source)])

    def _train(self) -> None:
        self.graph.run([names.training(MODEL), names.model(MODEL)])

    def _trained(self) -> bool:
        return ModelStore(self.lake, MODEL).production() is not None

    def _snapshots(self, upto: date) -> None:
        """Every day that no snapshot holds yet, as one backfill of all views."""
        start = self.settings.history_start
        for view in fs.views.values():
            table = self.lake.table(names.table(*names.features(view.name)))
            newest = table.read(columns=["day"])["day"].max() if table.exists() else None
            since = newest + timedelta(days=1) if isinstance(newest, date) else start
            if since <= upto:
                self.graph.run([names.features(view.name)], days=(since, upto))

    def _served(self, day: date) -> list[dict[str, Any]]:
        """The customers in the snapshot of a day, by their keys."""
        view = fs.views[VIEW]
        table = self.lake.table(names.table(*names.features(VIEW)))
        rows = table.read(columns=list(view.join_keys), where=[("day", "==", day)])
        return rows.sort(view.join_keys).to_dicts()

    def _predicted(self, at: datetime) -> set[str]:
        """Entities (as JSON) that a prediction was made for at this very moment already."""
        table = self.lake.table(names.table(*names.processed(names.PREDICTIONS)))
        made = table.read(columns=["entity", "predicted_at"]).filter(pl.col("predicted_at") == at)
        return set(made["entity"])

    def _land_rates(self, day: date) -> None:
        folder = self.settings.landing / RATES
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"eurofxref-hist-{day.isoformat()}.zip"
        if not target.exists():
            part = target.with_suffix(".part")
            part.write_bytes(self.shop.rates.as_of(day))
            part.replace(target)


def play(settings: Settings, shop: ShopData, progress: Progress) -> DemoResult:
    """Play a shop's history on a home folder, from where it was left.

    Raises:
        MlinfraError: A step failed; what was done stays done, and playing again goes on from there.
    """
    os.environ["DAGSTER_HOME"] = str(settings.dagster_home)
    with recording(settings.dagster_home) as instance:
        with progress.step(LOADING):
            story = Play(settings, shop, progress, instance)
        return story.run()


def _await(predictions: WriteAheadLog) -> None:
    if not predictions.settle(DRAIN_SECONDS):
        raise UnavailableError(f"the stream of predictions did not take all of them within {DRAIN_SECONDS:.0f} s")


def _utc(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"not a time: {value!r}")
    return value.astimezone(UTC)
