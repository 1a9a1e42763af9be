"""How well a model does in production: its logged scores against what came true."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import polars as pl

from mlinfra_assets.learning import calibration as bins
from mlinfra_assets.learning import charts
from mlinfra_assets.learning.finding import Finding
from mlinfra_assets.learning.labels import LabelCounts, label_predictions
from mlinfra_assets.learning.metrics import HIGHER_IS_BETTER, Metrics, measure
from mlinfra_assets.learning.model import ModelSpec

BETTER_THAN_CHANCE, AS_MEASURED, CALIBRATED = "better_than_chance", "as_measured", "calibrated"
HEADINGS = ("", "n", "base rate", "mean score", "AUC", "log loss", "Brier")
COLUMNS = (
    "prediction_id",
    "model_version",
    "predicted_at",
    "observed_at",
    "known_at",
    "score",
    "label",
    "named_by",
    "final",
)


@dataclass(frozen=True)
class Production:
    """The version in production, and how it did on the holdout when it was trained; both may be missing."""

    version: str
    holdout: Mapping[str, float | int | None]


@dataclass(frozen=True)
class Performance:
    """Predictions joined with their outcomes. What is measured rests on final labels, unless it says live.

    Attributes:
        model: The model.
        frame: One row a prediction with a score and a label: `COLUMNS`, ordered by prediction time and id.
        overall: Metrics over all with a final label.
        live: Metrics over those whose horizon is not over; of them more is known of what happens early.
        by_version: Metrics by model version, in order of first use.
        by_month: Metrics by month of the prediction (`2011-09`), in order.
        by_month_and_version: Metrics by both.
        calibration: Predicted against observed.
        counts: What the join of predictions and outcomes came to.
        unscored: Predictions without a score, which nothing can be said of.
    """

    model: ModelSpec
    frame: pl.DataFrame
    overall: Metrics
    live: Metrics
    by_version: dict[str, Metrics]
    by_month: dict[str, Metrics]
    by_month_and_version: dict[tuple[str, str], Metrics]
    calibration: list[bins.Bin]
    counts: LabelCounts
    unscored: int

    @property
    def newest(self) -> datetime | None:
        """When the newest final label became known, UTC."""
        newest = self.frame.filter("final")["known_at"].max()
        return newest if isinstance(newest, datetime) else None

    def to_dict(self) -> dict[str, object]:
        """A JSON-ready form, without the rows."""
        return {
            "model": self.model.name,
            "overall": self.overall.to_dict(),
            "live": self.live.to_dict(),
            "by_version": {version: m.to_dict() for version, m in self.by_version.items()},
            "by_month": {month: m.to_dict() for month, m in self.by_month.items()},
            "calibration": [b.to_dict() for b in self.calibration],
            "counts": self.counts.to_dict(),
            "unscored": self.unscored,
        }

    def to_markdown(self) -> str:
        """Charts and tables of the metrics and of the calibration, for a person."""
        groups = [("all", self.overall), *self.by_version.items(), *self.by_month.items()]
        if self.live.n:
            groups.append(("live: horizon not over", self.live))
        lines = ["| " + " | ".join(HEADINGS) + " |", "|---|" + "---:|" * (len(HEADINGS) - 1)]
        lines += [_line(name, m) for name, m in groups]
        parts = ["\n".join(lines), _counted(self.counts, self.unscored)]
        if self.overall.n:
            parts += [charts.image(self.to_chart(), "over time"), charts.image(self.to_diagram(), "calibration")]
        return "\n\n".join([*parts, bins.markdown(self.calibration)])

    def to_chart(self) -> str:
        """The promotion's metric by month of the prediction, a line for each version; SVG."""
        metric = self.model.promotion.metric
        months = list(self.by_month)
        values = {
            version: [
                None if (found := self.by_month_and_version.get((month, version))) is None else found.value(metric)
                for month in months
            ]
            for version in self.by_version
        }
        return charts.lines(f"{self.model.name}: {metric} by month of the prediction, by version", months, values)

    def to_diagram(self) -> str:
        """The reliability diagram; SVG."""
        return bins.svg(self.calibration, f"{self.model.name}: predicted and observed (n = {self.overall.n})")


def performance(model: ModelSpec, predictions: pl.DataFrame, outcomes: pl.DataFrame, now: datetime) -> Performance:
    """Judge a model's logged predictions by the outcomes that are known.

    Args:
        model: The declaration.
        predictions: Rows of `processed/predictions`; see `labels`.
        outcomes: Rows of `processed/outcomes`; see `labels`.
        now: The present, UTC: it says which labels are final.
    """
    labelled = label_predictions(model, predictions, outcomes, now)
    scored = labelled.frame.drop_nulls("score")
    frame = scored.drop_nulls("label").select(COLUMNS)
    final = frame.filter("final").with_columns(pl.col("predicted_at").dt.strftime("%Y-%m").alias("month"))
    return Performance(
        model=model,
        frame=frame,
        overall=_measured(final),
        live=_measured(frame.filter(~pl.col("final"))),
        by_version={version: m for (version,), m in _grouped(final, "model_version").items()},
        by_month={month: m for (month,), m in _grouped(final, "month").items()},
        by_month_and_version={(month, v): m for (month, v), m in _grouped(final, "month", "model_version").items()},
        calibration=bins.calibration(_labels(final), final["score"].to_numpy()),
        counts=labelled.counts,
        unscored=labelled.frame.height - scored.height,
    )


def judge(found: Performance, production: Production | None) -> list[Finding]:
    """Hold what was measured of the version in production against the model's declared limits."""
    limits = found.model.monitoring
    measured = None if production is None else found.by_version.get(production.version)
    if production is None or measured is None or measured.n < limits.min_cases:
        n = 0 if measured is None else measured.n
        why = f"{n} predictions of the version in production have a final label, {limits.min_cases} are needed to judge"
        return [Finding(check, True, why) for check in (BETTER_THAN_CHANCE, AS_MEASURED, CALIBRATED)]
    frame = found.frame.filter(pl.col("final"), pl.col("model_version") == production.version)
    error = bins.calibration_error(bins.calibration(_labels(frame), frame["score"].to_numpy()))
    over = f"over {measured.n} predictions of version {production.version}"
    return [
        Finding(BETTER_THAN_CHANCE, measured.auc is None or measured.auc > 0.5, f"AUC {_short(measured.auc)} {over}"),
        _as_measured(found.model, measured, production, over),
        Finding(
            CALIBRATED,
            error is None or error <= limits.calibration_error,
            f"calibration error {_short(error)} {over}, the limit is {limits.calibration_error:g}",
        ),
    ]


def _as_measured(model: ModelSpec, measured: Metrics, production: Production, over: str) -> Finding:
    metric, limit = model.promotion.metric, model.monitoring.max_loss
    now, then = measured.value(metric), production.holdout.get(metric)
    if now is None or then is None:
        return Finding(AS_MEASURED, True, f"{metric} is undefined {over} or on its holdout")
    lost = then - now if HIGHER_IS_BETTER[metric] else now - then
    why = f"{metric} {now:.4f} {over}, {then:.4f} on its holdout: worse by {lost:.4f}, the limit is {limit:g}"
    return Finding(AS_MEASURED, lost <= limit, why)


def _counted(counts: LabelCounts, unscored: int) -> str:
    """What the join came to, in words."""
    rows = [
        ("predictions", counts.predictions),
        ("labelled by an outcome that names them", counts.by_id),
        ("labelled by an outcome of their entity", counts.by_entity),
        ("with several outcomes", counts.several),
        ("of these with outcomes that disagree", counts.disagreeing),
        ("with a live label (horizon not over)", counts.live),
        ("without an outcome, horizon not over", counts.waiting),
        ("without an outcome, horizon over", counts.overdue),
        ("without a score", unscored),
        ("outcomes", counts.outcomes),
        ("corrected by a later event", counts.corrected),
        ("naming a prediction that is not there", counts.unknown),
        ("of an entity, in the horizon of no prediction", counts.outside),
        ("observed before their prediction", counts.early),
        ("naming neither prediction nor entity", counts.nameless),
    ]
    return "\n".join(["| predictions and outcomes | |", "|---|---:|", *(f"| {name} | {n} |" for name, n in rows)])


def _grouped(frame: pl.DataFrame, *by: str) -> dict[tuple, Metrics]:
    groups = frame.group_by(*by, maintain_order=True)
    return {names: _measured(group) for names, group in groups}


def _measured(frame: pl.DataFrame) -> Metrics:
    return measure(_labels(frame), frame["score"].to_numpy())


def _labels(frame: pl.DataFrame) -> np.ndarray:
    return frame["label"].to_numpy().astype(np.int64)


def _line(name: str, metrics: Metrics) -> str:
    values = (metrics.base_rate, metrics.mean_score, metrics.auc, metrics.log_loss, metrics.brier)
    return f"| {name} | {metrics.n} | " + " | ".join(_short(v) for v in values) + " |"


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
