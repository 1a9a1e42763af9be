"""Predictions: features of now, the model's score, and the event that is logged before anybody hears of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

import numpy as np
import orjson

from mlinfra_assets.clock import Clock, to_micros
from mlinfra_assets.errors import MlinfraError
from mlinfra_assets.feature_store.online.errors import NotLoadedError, UnknownViewError
from mlinfra_assets.feature_store.online.store import OnlineModel, OnlineStore
from mlinfra_assets.feature_store.online.vector import OnlineVector, Status, Value
from mlinfra_assets.serving.answers import time, watermark
from mlinfra_assets.serving.features import Entity, EntityVectors, read_features
from mlinfra_assets.serving.request_values import Values, as_logged, request_values
from mlinfra_assets.streams.record import NewRecord
from mlinfra_assets.streams.write_ahead.log import WriteAheadLog


class NoScoreError(MlinfraError):
    """A model answered with something that is no number."""


@dataclass(frozen=True)
class Predicted:
    """One prediction.

    Attributes:
        prediction_id: Random.
        entity: What it is about.
        score: The model's.
        status: What each view had of the entity.
    """

    prediction_id: str
    entity: dict[str, int | str]
    score: float
    status: dict[str, Status]


@dataclass(frozen=True)
class Predictions:
    """Predictions of one model at one moment (UTC); `views` is what each view answered for the first entity."""

    model: str
    model_version: str
    predicted_at: datetime
    predictions: list[Predicted]
    views: Mapping[str, OnlineVector]


class Predictor:
    """Predicts and logs.

    Args:
        store: Where features and models are.
        log: Takes predictions before anybody hears of them.
        clock: Says when they are made.
    """

    def __init__(self, store: OnlineStore, log: WriteAheadLog, clock: Clock) -> None:
        self._store = store
        self._log = log
        self._clock = clock

    def predict(
        self, name: str, entities: Sequence[Entity], request: Values | Sequence[Values] | None = None
    ) -> Predictions:
        """One prediction for each entity. All are on the disk when this returns; they come into the stream from there.

        Args:
            name: The model.
            entities: Whom it is about.
            request: The values that the model's features want with the question: for all entities alike, or one mapping
                each.

        Raises:
            UnknownModelError: There is no such model.
            InvalidInputError: An entity does not have the join keys of the model's features, or the request not the
                values that they want.
            UnavailableError: Features or model cannot be reached, or the prediction cannot be kept.
            NoScoreError: The model's answer is no number; nothing was logged.
        """
        model = self._store.model(name)
        now = self._clock.now()
        try:
            given = request_values(self._store, model.inputs, request, len(entities))
            found = read_features(self._store, model.inputs, entities, to_micros(now), given)
        except UnknownViewError as error:
            raise NotLoadedError(f"model {name} {model.version} takes what is not online: {error}") from error
        vectors = [one.values(model.inputs) for one in found]
        scores = _score(model, vectors, found)
        predicted = [
            Predicted(uuid4().hex, one.entity, score, {view: v.status for view, v in one.vectors.items()})
            for one, score in zip(found, scores, strict=True)
        ]
        logged = as_logged(given, len(found))
        events = [
            NewRecord(_event(model, now, made, one, vector, asked), made.prediction_id.encode())
            for made, one, vector, asked in zip(predicted, found, vectors, logged, strict=True)
        ]
        self._log.append(events, now if self._clock.simulated else None)
        return Predictions(name, model.version, now, predicted, found[0].vectors if found else {})


def _score(model: OnlineModel, vectors: Sequence[dict[str, Value]], found: Sequence[EntityVectors]) -> list[float]:
    rows = [[_number(vector[name]) for name in model.inputs] for vector in vectors]
    matrix = np.array(rows, np.float64).reshape(len(rows), len(model.inputs))
    scores = model.scorer.score(matrix)
    wrong = np.flatnonzero(~np.isfinite(scores))
    if len(wrong):
        entity = found[int(wrong[0])].entity
        raise NoScoreError(
            f"version {model.version} of model {model.name} gives {scores[wrong[0]]} for {entity}: nothing was "
            "predicted; promote a version that gives a number for every input"
        )
    return scores.tolist()


def _number(value: Value) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool | int | float):
        return float(value)
    raise NoScoreError(f"{value!r} is no number, and a model takes numbers")


def _event(
    model: OnlineModel,
    now: datetime,
    made: Predicted,
    one: EntityVectors,
    vector: dict[str, Value],
    request: dict[str, Value],
) -> bytes:
    """A prediction as the source `predictions` takes it."""
    event = {
        "prediction_id": made.prediction_id,
        "model": model.name,
        "model_version": model.version,
        "entity": made.entity,
        "predicted_at": time(to_micros(now)),
        "features": vector,
        "score": made.score,
        "views": {
            view: {"version": found.version, "watermark": watermark(found)} for view, found in one.vectors.items()
        },
        "scores": one.scores,
    }
    return orjson.dumps({**event, "request": request} if request else event)
