"""All that a day's snapshot of a view is a function of, as one digest: definition, rows known by then, models."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.canonical import canonical_json
from mlinfra_assets.feature_store.snapshot import end_of
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.store import ModelStore
from mlinfra_assets.publishing.documents import Documents
from mlinfra_assets.publishing.lake_reader import LakeReader
from mlinfra_assets.publishing.row_sums import COORDINATES, RowSum, RowSums

DIGITS = 32
ENGINE = 1
"""Part of every digest: to be raised when the engine comes to give other values for the same definition and rows."""


@dataclass(frozen=True)
class DayInputs:
    """What the values of a view at the end of a day rest on, as known then.

    Attributes:
        day: The UTC day.
        view_version: The view's version, in which those of the views that it uses are contained.
        models: Version in production at the end of the day, by model whose scores are among the features.
        known_rows: Rows of its datasets that had happened and were known by then.
        digest: 32 hexadecimal digits over all of it.
    """

    day: date
    view_version: str
    models: Mapping[str, str]
    known_rows: int
    digest: str


def day_inputs(
    lake: Lake, view: FeatureView, documents: Documents, days: Sequence[date], reader: LakeReader
) -> list[DayInputs]:
    """The inputs of some days, from the coordinates of the rows alone.

    Args:
        lake: Where the promotions of models are.
        view: The view.
        documents: Say the version of the view.
        days: In order, each once.
        reader: Reads the datasets; it knows afterwards which versions of their tables were looked at.

    Raises:
        UnavailableError: A dataset's table does not exist yet.
    """
    times = np.array([end_of(day) for day in days], np.int64)
    views = behind(view)
    version = documents.version(view)
    datasets = {name: _row_sums(reader, name, times) for name in sorted({each.dataset.name for each in views})}
    models = _in_production(lake, sorted({model for each in views for model in each.models}), times)
    return [
        _inputs_of(day, version, models[place], {name: sums[place] for name, sums in datasets.items()})
        for place, day in enumerate(days)
    ]


def behind(view: FeatureView) -> list[FeatureView]:
    """A view and all that it uses, directly or through others, each once."""
    found = {view.name: view}
    for used in view.uses:
        found.update({each.name: each for each in behind(used)})
    return list(found.values())


def _inputs_of(day: date, version: str, models: Mapping[str, str], datasets: Mapping[str, RowSum]) -> DayInputs:
    whole = {
        "engine": ENGINE,
        "day": day.isoformat(),
        "view": version,
        "models": models,
        "datasets": {name: [found.rows, found.digest] for name, found in datasets.items()},
    }
    digest = hashlib.sha256(canonical_json(whole).encode()).hexdigest()[:DIGITS]
    return DayInputs(day, version, models, sum(found.rows for found in datasets.values()), digest)


def _row_sums(reader: LakeReader, dataset: str, times: np.ndarray) -> list[RowSum]:
    sums = RowSums(times)
    for rows in reader.batches(dataset, COORDINATES):
        sums.add(rows)
    return sums.at_times()


def _in_production(lake: Lake, models: Sequence[str], times: np.ndarray) -> list[dict[str, str]]:
    """Versions in production at each time, by model; a model without any is left out."""
    found: list[dict[str, str]] = [{} for _ in times]
    for model in models:
        promotions = ModelStore(lake, model).promotions.all()
        # As scores are computed: of promotions of one moment the last that was made counts.
        ordered = sorted(((to_micros(p.promoted_at), p.version) for p in promotions), key=lambda entry: entry[0])
        places = np.searchsorted(np.array([at for at, _ in ordered], np.int64), times, side="right") - 1
        for versions, place in zip(found, places, strict=True):
            if place >= 0:
                versions[model] = ordered[place][1]
    return found
