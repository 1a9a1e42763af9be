"""Counts what a played demo left behind: read from the lake and the online store, not remembered on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.clock import HomeClock
from mlinfra_assets.contracts.quarantine_rows import quarantined
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.demo.next_steps import next_steps
from mlinfra_assets.demo.result import Data, DemoResult, Features, Model, Predictions, Rows, Training
from mlinfra_assets.demo.shop import ShopData
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.performance import performance
from mlinfra_assets.learning.store import ModelStore
from mlinfra_assets.learning.training_set import CUTOFF, LABEL


@dataclass(frozen=True)
class Tally:
    """Where to count.

    Attributes:
        home: The demo's home folder.
        lake: Its lake.
        store: Its online store.
        sources: The declared sources.
        model: The model.
        shop: What was played.
    """

    home: Path
    lake: Lake
    store: OnlineStore
    sources: Mapping[str, Source]
    model: ModelSpec
    shop: ShopData

    def result(
        self, entity: Mapping[str, object], sample: Mapping[str, object], seconds: Mapping[str, float]
    ) -> DemoResult:
        """Everything that the demo came to.

        Args:
            entity: The key of one entity, as an example.
            sample: That entity's features, as the API served them.
            seconds: How long each step took.
        """
        predictions = self._predictions()
        return DemoResult(
            data=self._data(),
            rows=self._rows(),
            quarantine=self._quarantine(),
            features=self._features(entity, sample),
            training=self._training(),
            model=self._model(),
            predictions=predictions,
            seconds=round(sum(seconds.values()), 1),
            seconds_by_step={name: round(taken, 2) for name, taken in seconds.items()},
            next_steps=next_steps(self.home, predictions.sample_id),
        )

    def _data(self) -> Data:
        at = self.shop.lines["at"]
        return Data(
            origin=self.shop.origin,
            rates_origin=self.shop.rates_origin,
            simulated=self.shop.simulated,
            lines=self.shop.lines.height,
            first=at[0],
            last=at[-1],
        )

    def _rows(self) -> Rows:
        def count(name: str) -> int:
            table = self.lake.table(name)
            return table.count() if table.exists() else 0

        zones: dict[str, dict[str, int]] = {names.CURATED: {}, names.FEATURES: {}}
        for name in self.lake.tables():
            zone, _, table = name.partition("/")
            if zone in zones:
                zones[zone][table] = count(name)
        return Rows(
            raw={s: count(names.table(*names.raw(s))) for s in self.sources},
            processed={s: count(names.table(*names.processed(s))) for s in self.sources},
            quarantined={s: self._held(s).height for s in self.sources},
            curated=zones[names.CURATED],
            features=zones[names.FEATURES],
        )

    def _quarantine(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        for source in self.sources:
            held = self._held(source)
            if held.is_empty():
                continue
            reasons = held.select("reasons").explode("reasons")["reasons"].struct.unnest()
            label = pl.concat_str(pl.col("field").fill_null("record"), pl.lit(": "), pl.col("rule"))
            counted = reasons.group_by(label.alias("reason")).len().sort(["len", "reason"], descending=[True, False])
            found[source] = dict(counted.iter_rows())
        return found

    def _held(self, source: str) -> pl.DataFrame:
        """What is in quarantine and was not let in since."""
        return quarantined(self.lake, source).filter(pl.col("released").is_null())

    def _features(self, entity: Mapping[str, object], sample: Mapping[str, object]) -> Features:
        by_view = {view.name: view.entities for view in self.store.views()}
        return Features(pushed=sum(by_view.values()), pushed_by_view=by_view, entity=entity, sample=sample)

    def _training(self) -> Training:
        frame = self.lake.table(names.table(*names.training(self.model.name))).read(columns=[CUTOFF, LABEL])
        return Training(
            rows=frame.height,
            positives=int(frame[LABEL].sum()),
            features=len(self.model.features),
            first=_moment(frame[CUTOFF].min()),
            last=_moment(frame[CUTOFF].max()),
        )

    def _model(self) -> Model:
        store = ModelStore(self.lake, self.model.name)
        production = store.production()
        if production is None:
            return Model(self.model.name, "none", {})
        holdout = orjson.loads(store.load(production.version).metrics)["holdout"]
        logged, came_true = (self._processed(n) for n in (names.PREDICTIONS, names.OUTCOMES))
        live = performance(self.model, logged, came_true, HomeClock(self.home).now())
        measured = {"auc": live.overall.auc, "log_loss": live.overall.log_loss, "brier": live.overall.brier}
        return Model(
            name=self.model.name,
            version=production.version,
            metrics={name: value for name, value in holdout.items() if isinstance(value, float | int)},
            live={name: value for name, value in measured.items() if value is not None},
            psi=self._drift(),
        )

    def _drift(self) -> dict[str, float]:
        table = self.lake.table(names.table(*names.drift(self.model.name)))
        if not table.exists():
            return {}
        rows = table.read(columns=["feature", "psi"]).drop_nulls("psi").sort("psi", "feature", descending=[True, False])
        return dict(rows.iter_rows())

    def _predictions(self) -> Predictions:
        logged = self._processed(names.PREDICTIONS)
        audited = self.lake.table(names.table(names.AUDIT, names.PREDICTIONS)).read(columns=["reproduced"])
        return Predictions(
            made=logged["prediction_id"].n_unique(),
            reproduced=int(audited["reproduced"].sum()),
            outcomes=self._processed(names.OUTCOMES)["outcome_id"].n_unique(),
            sample_id=logged.sort("predicted_at", "prediction_id")["prediction_id"][-1] if logged.height else "",
        )

    def _processed(self, source: str) -> pl.DataFrame:
        return self.lake.table(names.table(*names.processed(source))).read()


def _moment(value: object) -> datetime:
    if not isinstance(value, datetime):
        raise TypeError(f"not a time: {value!r}")
    return value
