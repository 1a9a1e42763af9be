"""Everything that is known of a model in one place: versions, what is in production since when, how it does."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from mlinfra_assets import names
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.finding import Finding, found
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.promotions import Promoted
from mlinfra_assets.learning.retraining_reasons import Asked, retraining_reasons
from mlinfra_assets.learning.store import ModelStore
from mlinfra_assets.learning.trainings import Training


@dataclass(frozen=True)
class ModelOverview:
    """A model as it stands.

    Attributes:
        model: The declaration.
        versions: All versions, oldest first.
        production: What is in production; None if nothing is.
        challenger: The version in shadow; None if there is none.
        promotions: All promotions, oldest first.
        trainings: All trainings, oldest first.
        measures: What was measured of the version in production when it was trained; empty without one.
        findings: The newest results of the checks on its performance and on drift.
        asked: Whether it is to be trained again now, and why or why not.
    """

    model: ModelSpec
    versions: list[str]
    production: Promoted | None
    challenger: str | None
    promotions: list[Promoted]
    trainings: list[Training]
    measures: dict[str, Any]
    findings: list[Finding]
    asked: Asked

    def to_dict(self) -> dict[str, object]:
        """A JSON-ready form (times still are `datetime`)."""
        return {
            "model": self.model.name,
            "owner": self.model.owner,
            "versions": self.versions,
            "production": None if self.production is None else self.production.__dict__,
            "challenger": self.challenger,
            "promotions": [promoted.__dict__ for promoted in self.promotions],
            "trainings": [training.__dict__ for training in self.trainings],
            "measures": self.measures,
            "checks": [finding.__dict__ for finding in self.findings],
            "retraining": {
                "asked": [reason.__dict__ for reason in self.asked.reasons],
                "rests": self.asked.rests or None,
            },
        }


def overview(model: ModelSpec, lake: Lake, now: datetime) -> ModelOverview:
    """A model as the lake knows it.

    Args:
        model: The declaration.
        lake: Where everything is.
        now: The present, UTC.

    Raises:
        ModelDamagedError: The stored file of the version in production is not what it was.
    """
    store = ModelStore(lake, model.name)
    production = store.production()
    tables = [lake.table(names.table(*key)) for key in (names.performance(model.name), names.drift(model.name))]
    return ModelOverview(
        model=model,
        versions=store.versions(),
        production=production,
        challenger=store.challenger(),
        promotions=store.promotions.all(),
        trainings=store.trainings.all(),
        measures={} if production is None else orjson.loads(store.load(production.version).metrics),
        findings=[finding for table in tables if table.exists() for finding in found(table.provenance())[0]],
        asked=retraining_reasons(model, lake, model.label.view.dataset, now),
    )
