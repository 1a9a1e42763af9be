"""What a challenger would have answered: the newest version scores the vectors that predictions were logged with.

A challenger is the newest version of a model, as long as it never was in production. It scores the predictions that
were made from the moment of its training on: of earlier ones it may have learned the outcome. The vectors are those
that the version in production saw, so the scores are those that it would have answered, to the last bit; nobody waits
for them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from mlinfra_assets.learning import charts
from mlinfra_assets.learning.finding import Finding
from mlinfra_assets.learning.labels import Labelled
from mlinfra_assets.learning.logged_vectors import logged_vectors
from mlinfra_assets.learning.metrics import measure
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.promote import Decision, decide
from mlinfra_assets.learning.quantile_bins import QuantileBins, shares
from mlinfra_assets.learning.store import StoredModel

PRODUCTION_HOLDS = "production_holds"
SHADOW_SCHEMA = pl.Schema(
    {
        "prediction_id": pl.String(),
        "predicted_at": pl.Datetime("us", "UTC"),
        "model_version": pl.String(),
        "score": pl.Float64(),
        "shadow_version": pl.String(),
        "shadow_score": pl.Float64(),
    }
)


def shadow_scores(challenger: StoredModel, predictions: pl.DataFrame, done: pl.DataFrame) -> pl.DataFrame:
    """The challenger's scores of predictions that it has not scored yet, `SHADOW_SCHEMA`, by time and id.

    A prediction whose vector lacks an input of the challenger is left out: it would not be the vector that the
    challenger takes.

    Args:
        challenger: The version.
        predictions: Rows of `processed/predictions`.
        done: What was scored already: `prediction_id` and `shadow_version` are read.
    """
    scored = done.filter(pl.col("shadow_version") == challenger.version).select("prediction_id")
    fresh = (
        predictions.filter(pl.col("model") == challenger.name, pl.col("predicted_at") >= challenger.trained_at)
        .unique("prediction_id")
        .join(scored, on="prediction_id", how="anti")
        .filter(_complete(challenger))
        .sort("predicted_at", "prediction_id")
    )
    scores = challenger.scorer().score(logged_vectors(fresh["features"], challenger.inputs))
    return fresh.with_columns(
        pl.lit(challenger.version).alias("shadow_version"), pl.Series("shadow_score", scores, dtype=pl.Float64())
    ).select(SHADOW_SCHEMA.names())


def _complete(challenger: StoredModel) -> pl.Expr:
    """Whether a logged vector names every input; null is a value."""
    named = [pl.col("features").str.contains(f'"{name}":', literal=True) for name in challenger.inputs]
    return pl.all_horizontal(named)


@dataclass(frozen=True)
class Shadow:
    """A challenger beside production, on the same vectors.

    Attributes:
        model: The declaration.
        challenger: The version in shadow.
        production: The version in production.
        frame: The predictions that production answered and the challenger scored, `SHADOW_SCHEMA`.
        decision: The promotion rule on those whose label is final.
    """

    model: ModelSpec
    challenger: str
    production: str
    frame: pl.DataFrame
    decision: Decision

    @property
    def difference(self) -> float | None:
        """Mean absolute difference of the scores; null without predictions."""
        distances = (self.frame["score"] - self.frame["shadow_score"]).abs()
        mean = distances.mean()
        return mean if isinstance(mean, float) else None

    @property
    def flipped(self) -> int:
        """Predictions that lie on different sides of one half."""
        return int(((self.frame["score"] >= 0.5) != (self.frame["shadow_score"] >= 0.5)).sum())

    def finding(self) -> Finding:
        """Whether production still is the better one."""
        return Finding(PRODUCTION_HOLDS, not self.decision.promote, f"version {self.challenger}: {self.decision.why}")

    def to_markdown(self) -> str:
        """A table and a chart, for a person."""
        ours, theirs = self.decision.challenger, self.decision.champion
        rows = [
            ("version", self.challenger, self.production),
            ("AUC", _short(ours.auc), _short(theirs.auc)),
            ("log loss", _short(ours.log_loss), _short(theirs.log_loss)),
            ("Brier", _short(ours.brier), _short(theirs.brier)),
            ("mean score, all", _mean(self.frame["shadow_score"]), _mean(self.frame["score"])),
        ]
        table = ["| | in shadow | in production |", "|---|---:|---:|", *(f"| {a} | {b} | {c} |" for a, b, c in rows)]
        note = (
            f"{self.frame.height} predictions of {self.production} that {self.challenger} scored too; the outcome of "
            f"{ours.n} is final. Mean difference of the scores {_short(self.difference)}, {self.flipped} on different "
            f"sides of one half. {self.decision.why}"
        )
        parts = [note, "\n".join(table)]
        if self.frame.height:
            parts.append(charts.image(self.to_chart(), "scores"))
        return "\n\n".join(parts)

    def to_chart(self) -> str:
        """How the scores of both are spread; SVG."""
        bins = QuantileBins(tuple(np.arange(1, 20) / 20))
        both = tuple(shares(bins.count(self.frame[c].to_numpy())) for c in ("score", "shadow_score"))
        title = f"{self.model.name}: scores of {self.production} (grey) and of {self.challenger} in shadow (blue)"
        return charts.pairs(title, {"score, 0 to 1": (both[0], both[1])})


def compare_shadow(
    model: ModelSpec, challenger: str, production: str, scored: pl.DataFrame, labelled: Labelled
) -> Shadow:
    """Hold a challenger's scores beside those that production answered.

    Args:
        model: The declaration.
        challenger: The version in shadow.
        production: The version in production; what other versions answered is left out.
        scored: What challengers scored, `SHADOW_SCHEMA`.
        labelled: The model's predictions with their labels.
    """
    frame = scored.filter(pl.col("shadow_version") == challenger, pl.col("model_version") == production)
    final = labelled.frame.filter("final").drop_nulls("label").select("prediction_id", "label")
    judged = frame.join(final, on="prediction_id").sort("predicted_at", "prediction_id")
    labels = judged["label"].to_numpy().astype(np.int64)
    ours, theirs = (measure(labels, judged[column].to_numpy()) for column in ("shadow_score", "score"))
    return Shadow(model, challenger, production, frame, decide(model.promotion, ours, theirs, production))


def _mean(column: pl.Series) -> str:
    mean = column.mean()
    return _short(mean if isinstance(mean, float) else None)


def _short(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"
