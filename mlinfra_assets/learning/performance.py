"""How well a model does in production: its logged scores against what came true."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from mlinfra_assets.learning import calibration as bins
from mlinfra_assets.learning.metrics import Metrics, measure

HEADINGS = ("", "n", "base rate", "mean score", "AUC", "log loss", "Brier")


@dataclass(frozen=True)
class Performance:
    """Predictions joined with their outcomes.

    Attributes:
        model: The model.
        frame: One row a judged prediction: `prediction_id`, `model_version`, `predicted_at`, `observed_at`, `score`,
            `label`; ordered by prediction time and id.
        overall: Metrics over all of them.
        by_version: Metrics by model version, in order of first use.
        by_month: Metrics by month of the prediction (`2011-09`), in order.
        calibration: Predicted against observed over all of them.
        waiting: Predictions without an outcome yet.
        unscored: Predictions without a score, which nothing can be said of.
    """

    model: str
    frame: pl.DataFrame
    overall: Metrics
    by_version: dict[str, Metrics]
    by_month: dict[str, Metrics]
    calibration: list[bins.Bin]
    waiting: int
    unscored: int

    def to_dict(self) -> dict[str, object]:
        """A JSON-ready form, without the rows."""
        return {
            "model": self.model,
            "overall": self.overall.to_dict(),
            "by_version": {version: m.to_dict() for version, m in self.by_version.items()},
            "by_month": {month: m.to_dict() for month, m in self.by_month.items()},
            "calibration": [b.to_dict() for b in self.calibration],
            "waiting": self.waiting,
            "unscored": self.unscored,
        }

    def to_markdown(self) -> str:
        """Tables of the metrics and of the calibration, for a person."""
        groups = [("all", self.overall), *self.by_version.items(), *self.by_month.items()]
        lines = ["| " + " | ".join(HEADINGS) + " |", "|---|" + "---:|" * (len(HEADINGS) - 1)]
        lines += [_line(name, m) for name, m in groups]
        note = f"{self.waiting} predictions wait for their horizon to pass; {self.unscored} have no score."
        return "\n\n".join(["\n".join(lines), note, bins.markdown(self.calibration)])

    def to_svg(self) -> str:
        """The reliability diagram."""
        return bins.svg(self.calibration, f"{self.model}: predicted and observed (n = {self.overall.n})")


def performance(model: str, predictions: pl.DataFrame, outcomes: pl.DataFrame) -> Performance:
    """Judge a model's logged predictions by the outcomes that are known.

    Args:
        model: The model's name.
        predictions: Rows of `processed/predictions`.
        outcomes: Rows of `processed/outcomes`.
    """
    made = predictions.filter(pl.col("model") == model).unique("prediction_id", keep="first", maintain_order=True)
    came_true = (
        outcomes.filter(pl.col("model") == model)
        .unique("prediction_id", keep="last", maintain_order=True)
        .select("prediction_id", "observed_at", pl.col("label").cast(pl.Int64))
    )
    joined = made.select("prediction_id", "model_version", "predicted_at", "score").join(
        came_true, on="prediction_id", how="left"
    )
    scored = joined.drop_nulls("score")
    frame = (
        scored.drop_nulls("label")
        .select("prediction_id", "model_version", "predicted_at", "observed_at", "score", "label")
        .sort("predicted_at", "prediction_id")
    )
    return Performance(
        model=model,
        frame=frame,
        overall=_measured(frame),
        by_version=_grouped(frame, pl.col("model_version")),
        by_month=_grouped(frame, pl.col("predicted_at").dt.strftime("%Y-%m")),
        calibration=bins.calibration(_labels(frame), frame["score"].to_numpy()),
        waiting=scored.height - frame.height,
        unscored=joined.height - scored.height,
    )


def _grouped(frame: pl.DataFrame, by: pl.Expr) -> dict[str, Metrics]:
    groups = frame.group_by(by.alias("group"), maintain_order=True)
    return {str(name): _measured(group) for (name,), group in groups}


def _measured(frame: pl.DataFrame) -> Metrics:
    return measure(_labels(frame), frame["score"].to_numpy())


def _labels(frame: pl.DataFrame) -> np.ndarray:
    return frame["label"].to_numpy().astype(np.int64)


def _line(name: str, metrics: Metrics) -> str:
    values = (metrics.base_rate, metrics.mean_score, metrics.auc, metrics.log_loss, metrics.brier)
    return f"| {name} | {metrics.n} | " + " | ".join("" if v is None else f"{v:.4f}" for v in values) + " |"
