"""Which outcome is that of which prediction: by the prediction's id, or by entity and time.

The rules, in their order:

1. An outcome's id names it: of several events with one id the one that arrived last counts, the others were corrected.
2. An outcome that names a prediction is that of this prediction, if the prediction is there and of the same model.
3. One that names an entity alone is that of every prediction of its model for this entity whose horizon it lies in:
   `predicted_at < observed_at <= predicted_at + horizon`.
4. What was observed at the moment of the prediction or before it is no outcome of it.
5. Of several outcomes of one prediction one that names it comes before those that do not; then the one that was
   observed last counts, then the one that arrived last.

A label is final once the prediction's horizon is over; before that it is live: it may change, and says more of what
happens early than of what does not.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime

import polars as pl

from mlinfra_assets import names
from mlinfra_assets.learning.model import ModelSpec

ARRIVAL = (names.KNOWN_AT, names.PARTITION, names.OFFSET, names.ROW)
"""The order in which the rows of a source arrived."""

PREDICTION_COLUMNS = ("prediction_id", "model", "model_version", "entity", "predicted_at", "score", *ARRIVAL)
OUTCOME_COLUMNS = ("outcome_id", "model", "prediction_id", "entity", "observed_at", "label", *ARRIVAL)

NO_OUTCOMES = pl.DataFrame(
    schema={
        "outcome_id": pl.String(),
        "model": pl.String(),
        "prediction_id": pl.String(),
        "entity": pl.String(),
        "observed_at": pl.Datetime("us", "UTC"),
        "label": pl.Int64(),
        names.KNOWN_AT: pl.Datetime("us", "UTC"),
        names.PARTITION: pl.Int32(),
        names.OFFSET: pl.Int64(),
        names.ROW: pl.Int32(),
    }
)
"""Outcomes before any has come."""

BY_ID, BY_ENTITY = "id", "entity"


@dataclass(frozen=True)
class LabelCounts:
    """What the join came to.

    Attributes:
        predictions: Predictions of the model.
        outcomes: Outcomes of the model, each id once.
        corrected: Events that a later one with the same id replaced.
        by_id: Predictions whose label comes from an outcome that names them.
        by_entity: Predictions whose label comes from an outcome that names their entity.
        several: Predictions with more than one outcome.
        disagreeing: Those of them whose outcomes do not say the same.
        live: Predictions whose label is not final yet.
        waiting: Predictions without an outcome whose horizon is not over.
        overdue: Predictions without an outcome whose horizon is over.
        unknown: Outcomes that name a prediction that is not there, or one of another model.
        outside: Outcomes that name an entity, and lie in the horizon of none of its predictions.
        early: Outcomes that name a prediction and were observed at its moment or before.
        nameless: Outcomes that name neither.
    """

    predictions: int
    outcomes: int
    corrected: int
    by_id: int
    by_entity: int
    several: int
    disagreeing: int
    live: int
    waiting: int
    overdue: int
    unknown: int
    outside: int
    early: int
    nameless: int

    def to_dict(self) -> dict[str, int]:
        """A JSON-ready form."""
        return asdict(self)


@dataclass(frozen=True)
class Labelled:
    """Predictions with their labels.

    Attributes:
        frame: One row a prediction, ordered by time and id: `prediction_id`, `model_version`, `predicted_at`, `score`,
            `final` (whether its horizon is over), and of its outcome `observed_at`, `known_at`, `label` and `named_by`
            (`id` or `entity`), null without one.
        counts: What the join came to.
    """

    frame: pl.DataFrame
    counts: LabelCounts


def label_predictions(model: ModelSpec, predictions: pl.DataFrame, outcomes: pl.DataFrame, now: datetime) -> Labelled:
    """Find the label of each prediction of a model.

    Args:
        model: The declaration.
        predictions: Rows of `processed/predictions`, with `PREDICTION_COLUMNS`.
        outcomes: Rows of `processed/outcomes`, of every model, with `OUTCOME_COLUMNS`.
        now: The present, UTC.
    """
    horizon = pl.duration(microseconds=model.label.horizon_us)
    made = _newest(predictions.filter(pl.col("model") == model.name), "prediction_id")
    made = made.select("prediction_id", "model_version", "entity", "predicted_at", "score")
    sent = outcomes.filter(pl.col("model") == model.name).height
    current = _newest(outcomes, "outcome_id").filter(pl.col("model") == model.name)
    named = current.filter(pl.col("prediction_id").is_not_null())
    of_entity = current.filter(pl.col("prediction_id").is_null(), pl.col("entity").is_not_null())
    met = named.drop("entity", "model").join(made.select("prediction_id", "predicted_at"), on="prediction_id")
    in_time = met.filter(pl.col("observed_at") > pl.col("predicted_at"))
    inside = (
        of_entity.drop("prediction_id", "model")
        .join(made.select("prediction_id", "entity", "predicted_at"), on="entity")
        .filter(
            pl.col("observed_at") > pl.col("predicted_at"),
            pl.col("observed_at") <= pl.col("predicted_at") + horizon,
        )
    )
    found = pl.concat([_candidates(in_time, BY_ID), _candidates(inside, BY_ENTITY)])
    deciding = found.sort(pl.col("named_by") == BY_ID, "observed_at", *ARRIVAL).unique(
        "prediction_id", keep="last", maintain_order=True
    )
    labels = deciding.select(
        "prediction_id", "observed_at", pl.col(names.KNOWN_AT).alias("known_at"), "label", "named_by"
    )
    final = (pl.col("predicted_at") + horizon <= now).alias("final")
    frame = made.drop("entity").join(labels, on="prediction_id", how="left").with_columns(final)
    frame = frame.sort("predicted_at", "prediction_id")
    several = found.group_by("prediction_id").agg(pl.len().alias("n"), pl.col("label").n_unique().alias("said"))
    bare = frame.filter(pl.col("label").is_null())
    counts = LabelCounts(
        predictions=made.height,
        outcomes=current.height,
        corrected=sent - current.height,
        by_id=labels.filter(pl.col("named_by") == BY_ID).height,
        by_entity=labels.filter(pl.col("named_by") == BY_ENTITY).height,
        several=several.filter(pl.col("n") > 1).height,
        disagreeing=several.filter(pl.col("said") > 1).height,
        live=frame.filter(pl.col("label").is_not_null(), ~pl.col("final")).height,
        waiting=bare.filter(~pl.col("final")).height,
        overdue=bare.filter("final").height,
        unknown=named.height - met.height,
        outside=of_entity.height - inside["outcome_id"].n_unique(),
        early=met.height - in_time.height,
        nameless=current.height - named.height - of_entity.height,
    )
    return Labelled(frame, counts)


def _newest(rows: pl.DataFrame, key: str) -> pl.DataFrame:
    """Of the rows with one key the one that arrived last."""
    return rows.sort(*ARRIVAL).unique(key, keep="last", maintain_order=True)


def _candidates(rows: pl.DataFrame, named_by: str) -> pl.DataFrame:
    columns = ["prediction_id", "observed_at", pl.col("label").cast(pl.Int64), *ARRIVAL]
    return rows.select(*columns, pl.lit(named_by).alias("named_by"))
