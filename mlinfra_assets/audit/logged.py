"""A prediction as it was logged: what was asked, from which versions, what went into the model and what came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import polars as pl

from mlinfra_assets.audit.bits import Value
from mlinfra_assets.clock import to_micros
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.positions import Positions

COLUMNS = (
    "prediction_id",
    "model",
    "model_version",
    "entity",
    "predicted_at",
    "features",
    "score",
    "views",
    "scores",
)
OPTIONAL = ("request",)
"""What predictions of features that need no request do not carry."""


@dataclass(frozen=True)
class UsedView:
    """The state of a feature view that a prediction was made from.

    Attributes:
        version: The view's version.
        watermark: How far each source had been fed into the online store.
    """

    version: str
    watermark: Mapping[str, Positions]

    @property
    def key(self) -> tuple[str, str]:
        """Equal for equal states."""
        return self.version, orjson.dumps(
            {source: p.to_dict() for source, p in self.watermark.items()}, option=orjson.OPT_SORT_KEYS
        ).decode()


@dataclass(frozen=True)
class LoggedPrediction:
    """One prediction event.

    Attributes:
        prediction_id: Its id.
        model: The model.
        model_version: The version that scored.
        entity: Join key values by name.
        predicted_at: `t`, microseconds since 1970 in UTC.
        features: The vector: value by `"view:feature"`, in alphabetical order, as JSON objects are kept.
        score: What was answered; null if the model could not score.
        views: The state of each view used.
        scores: Version of each model whose score is itself a feature.
        request: The values that came with the question, by name; a timestamp in microseconds, a date in days.
    """

    prediction_id: str
    model: str
    model_version: str
    entity: Mapping[str, Value]
    predicted_at: int
    features: Mapping[str, Value]
    score: float | None
    views: Mapping[str, UsedView]
    scores: Mapping[str, str]
    request: Mapping[str, Value] = field(default_factory=dict)


def logged_predictions(frame: pl.DataFrame) -> list[LoggedPrediction]:
    """The predictions of rows of `processed/predictions`, in the rows' order.

    Raises:
        InvalidInputError: A row's JSON text is not what a prediction event holds.
    """
    present = [*COLUMNS, *(column for column in OPTIONAL if column in frame.columns)]
    return [_prediction(row) for row in frame.select(present).iter_rows(named=True)]


def _prediction(row: dict[str, Any]) -> LoggedPrediction:
    try:
        return LoggedPrediction(
            prediction_id=row["prediction_id"],
            model=row["model"],
            model_version=row["model_version"],
            entity=orjson.loads(row["entity"]),
            predicted_at=to_micros(row["predicted_at"]),
            features=orjson.loads(row["features"]),
            score=row["score"],
            views={name: _used(view) for name, view in orjson.loads(row["views"]).items()},
            scores=orjson.loads(row["scores"] or "{}"),
            request=orjson.loads(row.get("request") or "{}"),
        )
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError) as error:
        raise InvalidInputError(
            f"prediction {row['prediction_id']} in processed/predictions is not a prediction event: {error}"
        ) from error


def _used(view: Mapping[str, Any]) -> UsedView:
    watermark = {source: Positions.from_dict(positions) for source, positions in view["watermark"].items()}
    return UsedView(version=view["version"], watermark=watermark)
