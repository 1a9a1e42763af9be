"""Whether what a model is asked about still is what it learned from: each feature and the score, bin by bin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from mlinfra_assets.contracts.profile import stability_index
from mlinfra_assets.learning import charts
from mlinfra_assets.learning.cutoffs import TRAIN
from mlinfra_assets.learning.finding import Finding
from mlinfra_assets.learning.logged_vectors import logged_vectors
from mlinfra_assets.learning.matrix import matrix
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.quantile_bins import QuantileBins, distance, shares
from mlinfra_assets.learning.store import StoredModel
from mlinfra_assets.learning.training_set import ROLE

NO_DRIFT = "no_drift"
SCORE = "score"
DRIFT_SCHEMA = pl.Schema(
    {
        "feature": pl.String(),
        "trained": pl.Int64(),
        "served": pl.Int64(),
        "trained_null": pl.Float64(),
        "served_null": pl.Float64(),
        "psi": pl.Float64(),
        "ks": pl.Float64(),
        "drifted": pl.Boolean(),
        "edges": pl.List(pl.Float64()),
        "trained_counts": pl.List(pl.Int64()),
        "served_counts": pl.List(pl.Int64()),
    }
)


@dataclass(frozen=True)
class FeatureDrift:
    """One feature, or the score, in the training set beside what was served.

    Attributes:
        feature: `"view:feature"`, or `score`.
        bins: Quantiles of the training set.
        trained: Cases of the training set in each bin, that of null last.
        served: Predictions in each bin.
        psi: Population stability index; null without predictions.
        ks: Kolmogorov-Smirnov distance, null below every value; null without predictions.
        drifted: Whether a limit is passed, by enough predictions to judge.
    """

    feature: str
    bins: QuantileBins
    trained: Sequence[int]
    served: Sequence[int]
    psi: float | None
    ks: float | None
    drifted: bool

    def row(self) -> dict[str, object]:
        """As `DRIFT_SCHEMA` has it."""
        return {
            "feature": self.feature,
            "trained": sum(self.trained),
            "served": sum(self.served),
            "trained_null": shares(self.trained)[-1],
            "served_null": shares(self.served)[-1],
            "psi": self.psi,
            "ks": self.ks,
            "drifted": self.drifted,
            "edges": list(self.bins.edges),
            "trained_counts": list(self.trained),
            "served_counts": list(self.served),
        }


@dataclass(frozen=True)
class Drift:
    """All features and the score of a model.

    Attributes:
        model: The declaration.
        version: The version in production, whose training set is the measure.
        since: The predictions after this moment were looked at (UTC); null without any.
        newest: The moment of the newest of them.
        features: One an input, in the model's order, and the score.
        by_month: PSI of each feature by month of the prediction, over all predictions, in the months' order.
    """

    model: ModelSpec
    version: str
    since: datetime | None
    newest: datetime | None
    features: Sequence[FeatureDrift]
    by_month: Mapping[str, Mapping[str, float]]

    def frame(self) -> pl.DataFrame:
        """One row a feature, `DRIFT_SCHEMA`."""
        return pl.DataFrame([f.row() for f in self.features], schema=DRIFT_SCHEMA)

    def finding(self) -> Finding:
        """The check against the declared limits."""
        limits, served = self.model.monitoring, max((sum(f.served) for f in self.features), default=0)
        if served < limits.min_cases:
            return Finding(NO_DRIFT, True, f"{served} predictions in {limits.window}, {limits.min_cases} are needed")
        drifted = [f for f in self.features if f.drifted]
        bounds = f"limits PSI {limits.psi:g}, KS {limits.ks:g}; {served} predictions of the last {limits.window}"
        if not drifted:
            return Finding(NO_DRIFT, True, f"no feature has drifted: {bounds}")
        named = ", ".join(f"{f.feature} (PSI {_short(f.psi)}, KS {_short(f.ks)})" for f in _worst(drifted)[:5])
        return Finding(NO_DRIFT, False, f"{len(drifted)} drifted: {named}; {bounds}")

    def to_markdown(self) -> str:
        """Charts and a table, for a person."""
        if self.newest is None or self.since is None:
            return f"There are no predictions to hold against the training set of version {self.version} yet."
        head = (
            f"Training set of version {self.version} (grey) and predictions from {self.since:%Y-%m-%d %H:%M} to "
            f"{self.newest:%Y-%m-%d %H:%M} UTC (blue). Bins are quantiles of the training set; the last is null."
        )
        lines = ["| feature | trained | served | null then | null now | PSI | KS | |", "|---|" + "---:|" * 6 + "---|"]
        for f in _worst(self.features):
            cells = (f.feature, sum(f.trained), sum(f.served), *(f"{shares(c)[-1]:.1%}" for c in (f.trained, f.served)))
            mark = "drifted" if f.drifted else ""
            lines.append(f"| {' | '.join(map(str, cells))} | {_short(f.psi)} | {_short(f.ks)} | {mark} |")
        panels = {
            f"{f.feature.partition(':')[2] or f.feature}: PSI {_short(f.psi)}": (shares(f.trained), shares(f.served))
            for f in _worst(self.features)
        }
        title = f"{self.model.name}: share of cases by quantile of the training set"
        parts = [head, charts.image(charts.pairs(title, panels), "drift by feature"), "\n".join(lines)]
        if self.by_month:
            parts.insert(2, charts.image(self.to_chart(), "drift over time"))
        return "\n\n".join(parts)

    def to_chart(self) -> str:
        """PSI by month of the prediction, of the features that drifted most; SVG."""
        months = list(self.by_month)
        names = [f.feature for f in _worst(self.features)]
        series = {n.partition(":")[2] or n: [self.by_month[month].get(n) for month in months] for n in names}
        return charts.lines(
            f"{self.model.name}: PSI by month of the prediction", months, series, self.model.monitoring.psi
        )


def measure_drift(model: ModelSpec, stored: StoredModel, training: pl.DataFrame, predictions: pl.DataFrame) -> Drift:
    """Hold the vectors and scores of a model's newest predictions against what its version in production learned from.

    The vectors are those of every version, for they do not depend on it; the scores are those of the version in
    production alone.

    Args:
        model: The declaration.
        stored: The version in production.
        training: The training set that it was fitted on.
        predictions: Rows of `processed/predictions`: `prediction_id`, `model`, `model_version`, `predicted_at`,
            `features` and `score` are read.
    """
    made = predictions.filter(pl.col("model") == model.name).unique("prediction_id").sort("predicted_at")
    newest = made["predicted_at"].max()
    newest = newest if isinstance(newest, datetime) else None
    since = None if newest is None else newest - timedelta(microseconds=model.monitoring.window_us)
    learned = matrix(training.filter(pl.col(ROLE) == TRAIN), stored.inputs)
    vectors = logged_vectors(made["features"], stored.inputs)
    columns: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]] = {
        name: (learned[:, place], vectors[:, place]) for place, name in enumerate(stored.inputs)
    }
    columns[SCORE] = stored.scorer().score(learned), made["score"].cast(pl.Float64).fill_null(np.nan).to_numpy()
    everywhere = np.ones(made.height, np.bool_)
    ours = (made["model_version"] == stored.version).to_numpy()
    recent = everywhere if since is None else (made["predicted_at"] > since).to_numpy()
    month = made["predicted_at"].dt.strftime("%Y-%m")
    found: list[FeatureDrift] = []
    by_month: dict[str, dict[str, float]] = {name: {} for name in month.unique().sort()}
    for name, (before, after) in columns.items():
        rows = ours if name == SCORE else everywhere
        bins = QuantileBins.of(before)
        found.append(_compared(model, name, bins, before, after[rows & recent]))
        for of_month, psis in by_month.items():
            values = after[rows & (month == of_month).to_numpy()]
            if len(values):
                psis[name] = stability_index(bins.count(before), bins.count(values))
    return Drift(model, stored.version, since, newest, found, by_month)


def _compared(
    model: ModelSpec, name: str, bins: QuantileBins, before: NDArray[np.float64], after: NDArray[np.float64]
) -> FeatureDrift:
    trained, served = bins.count(before), bins.count(after)
    psi = stability_index(trained, served) if len(after) else None
    ks, limits = distance(before, after), model.monitoring
    enough = len(after) >= limits.min_cases
    drifted = enough and psi is not None and ks is not None and (psi > limits.psi or ks > limits.ks)
    return FeatureDrift(name, bins, trained, served, psi, ks, drifted)


def _worst(features: Sequence[FeatureDrift]) -> list[FeatureDrift]:
    return sorted(features, key=lambda f: (-(f.psi or 0.0), f.feature))


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"
