"""What became of predictions: once the horizon has passed, the label that came true, as an event."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import orjson
import polars as pl

from mlinfra_assets import names
from mlinfra_assets.clock import from_micros, to_micros
from mlinfra_assets.feature_store.engine.evaluate import evaluate
from mlinfra_assets.feature_store.engine.related import prepare_view
from mlinfra_assets.feature_store.engine.rows import dtypes
from mlinfra_assets.feature_store.reader import SourceReader
from mlinfra_assets.learning.known_past import complete_to
from mlinfra_assets.learning.model import ModelSpec


@dataclass(frozen=True)
class Outcome:
    """What came true of one prediction.

    Attributes:
        prediction_id: Of which; also the outcome's own id, so that the same outcome never counts twice, and corrects
            one that was sent under this id before the horizon was over.
        model: The model.
        entity: Join keys as the prediction's JSON text.
        predicted_at: When it was predicted, UTC.
        observed_at: When the horizon ended, UTC.
        label: 0 or 1.
    """

    prediction_id: str
    model: str
    entity: str
    predicted_at: datetime
    observed_at: datetime
    label: int

    def to_message(self) -> bytes:
        """The event's JSON; equal outcomes give equal bytes."""
        return orjson.dumps(
            {
                "outcome_id": self.prediction_id,
                "model": self.model,
                "prediction_id": self.prediction_id,
                "entity": orjson.loads(self.entity),
                "predicted_at": self.predicted_at,
                "observed_at": self.observed_at,
                "label": self.label,
            },
            option=orjson.OPT_UTC_Z,
        )


def due_outcomes(
    model: ModelSpec,
    predictions: pl.DataFrame,
    known: Collection[str],
    read: SourceReader,
    now: datetime,
    *,
    complete: datetime | None = None,
) -> list[Outcome]:
    """The outcomes that can be told now and have not been: predictions whose horizon has passed.

    Args:
        model: The declaration.
        predictions: Rows of `processed/predictions`: `prediction_id`, `model`, `entity`, `predicted_at` are read.
        known: Ids of the predictions whose outcome was sent.
        read: Rows of the label's dataset.
        now: The present, UTC.
        complete: Up to when the label's dataset is known to be complete. Default: up to its newest row.

    Returns:
        In order of observation and prediction id. A prediction whose label is null has no outcome.
    """
    view, horizon = model.label.view, model.label.horizon_us
    waiting = (
        predictions.filter(pl.col("model") == model.name)
        .select("prediction_id", "entity", "predicted_at")
        .unique("prediction_id", keep="first", maintain_order=True)
        .filter(~pl.col("prediction_id").is_in(list(known)))
    )
    if waiting.is_empty():
        return []
    rows = read.rows(view.dataset.name, [names.EVENT_TIME, names.KNOWN_AT])
    until = complete_to(rows, now) if complete is None else min(to_micros(complete), to_micros(now))
    due = waiting.filter(pl.col("predicted_at").dt.timestamp("us") + horizon <= until).sort(
        "predicted_at", "prediction_id"
    )
    if due.is_empty():
        return []
    keys = [orjson.loads(text) for text in due["entity"]]
    schema = dtypes(view.key_schema)
    entities = pl.DataFrame({key: [entity[key] for entity in keys] for key in view.join_keys}, schema=schema)
    observed = due["predicted_at"].dt.timestamp("us").to_numpy().astype(np.int64) + horizon
    values = evaluate(view, prepare_view(view, read, only=entities), entities, observed, None, None)
    labels = values[model.label.feature].cast(pl.Int64)
    return [
        Outcome(row["prediction_id"], model.name, row["entity"], row["predicted_at"], from_micros(int(at)), label)
        for row, at, label in zip(due.iter_rows(named=True), observed, labels, strict=True)
        if label is not None
    ]
