"""Every training of a model: when, on what, why it was asked for, and what was decided of what came out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.lake.provenance import Provenance
from mlinfra_assets.learning.numbered import append_numbered

TIMESTAMP = pl.Datetime("us", "UTC")
TRAININGS_SCHEMA = pl.Schema(
    {
        "number": pl.Int64(),
        "at": TIMESTAMP,
        "reasons": pl.String(),
        "training_version": pl.Int64(),
        "last_cutoff": TIMESTAMP,
        "version": pl.String(),
        "champion": pl.String(),
        "promoted": pl.Boolean(),
        "why": pl.String(),
    }
)


@dataclass(frozen=True)
class Training:
    """One training.

    Attributes:
        at: When, UTC.
        reasons: Why it was asked for; empty: by hand.
        training_version: Delta version of the training set.
        last_cutoff: Its newest cutoff, UTC.
        version: The version of the model that came out.
        champion: The version that it was compared with; null if there was none.
        promoted: Whether it went into production.
        why: The decision's reason.
    """

    at: datetime
    reasons: str
    training_version: int
    last_cutoff: datetime
    version: str
    champion: str | None
    promoted: bool
    why: str


class Trainings:
    """The trainings of one model.

    Args:
        lake: Where they are kept.
        model: The model's name.
    """

    def __init__(self, lake: Lake, model: str) -> None:
        self._table = lake.table(names.table(*names.trainings(model)))

    def add(self, training: Training, provenance: Provenance) -> bool:
        """Keep a training. False if the newest one is of the same training set and version: nothing is written."""

        def row(number: int) -> pl.DataFrame | None:
            newest = self.newest()
            same = (training.training_version, training.version)
            if newest is not None and (newest.training_version, newest.version) == same:
                return None
            return pl.DataFrame([{**training.__dict__, "number": number}], schema=TRAININGS_SCHEMA)

        return append_numbered(self._table, row, provenance)

    def all(self) -> list[Training]:
        """All trainings, oldest first."""
        if not self._table.exists():
            return []
        return [Training(**row) for row in self._table.read().sort("number").drop("number").iter_rows(named=True)]

    def newest(self) -> Training | None:
        """The newest training; None if there was none."""
        found = self.all()
        return found[-1] if found else None
