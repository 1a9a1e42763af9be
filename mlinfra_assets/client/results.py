"""What the API answers, typed. Times are UTC; values are as JSON has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

Value = int | float | str | bool | list[Any] | None
Status = Literal["present", "null", "not_found", "expired"]


@dataclass(frozen=True)
class ValueDetails:
    """What one value rests on.

    Attributes:
        status: Whether it is there, and why not.
        event_time: Of the entity's latest row; None if there is none.
        version: The view's version.
        run: The run that pushed it.
        watermark: The positions that the store had been fed up to, by source.
    """

    status: Status
    event_time: datetime | None
    version: str
    run: str
    watermark: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class EntityFeatures:
    """The features of one entity.

    Attributes:
        entity: Its join keys.
        features: Values by `"view:feature"`.
        views: What each view's values rest on.
        scores: Version of each model whose score is among the values.
        details: What each value rests on; empty unless asked for.
    """

    entity: Mapping[str, int | str]
    features: Mapping[str, Value]
    views: Mapping[str, Mapping[str, Any]]
    scores: Mapping[str, str]
    details: Mapping[str, ValueDetails]


@dataclass(frozen=True)
class Features:
    """The features of some entities at one moment, in the order asked.

    Attributes:
        at: The moment.
        results: One for each entity.
        frozen: The views that an open breaker freezes, and how old what they serve is.
    """

    at: datetime
    results: Sequence[EntityFeatures]
    frozen: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Prediction:
    """One prediction, as it was logged.

    Attributes:
        prediction_id: Its id, by which outcomes and a replay name it.
        entity: What it is about.
        score: The model's.
        status: What each view had of the entity.
    """

    prediction_id: str
    entity: Mapping[str, int | str]
    score: float
    status: Mapping[str, str]


@dataclass(frozen=True)
class Predictions:
    """Predictions of one model at one moment, in the order asked.

    Attributes:
        model: The model.
        model_version: Its version in production.
        predicted_at: The moment.
        predictions: One for each entity.
        frozen: The views that an open breaker freezes.
    """

    model: str
    model_version: str
    predicted_at: datetime
    predictions: Sequence[Prediction]
    frozen: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class TakenRecord:
    """Where a record stands in its stream, or why it was not taken.

    Attributes:
        partition: Of the stream; None if it was not taken.
        offset: In the partition; None if it was not taken.
        reasons: What it breaks; empty if it was taken.
    """

    partition: int | None
    offset: int | None
    reasons: Sequence[str]


@dataclass(frozen=True)
class Taken:
    """What became of records, in their order.

    Attributes:
        source: The source that they belong to.
        accepted: How many were taken.
        refused: How many were not.
        records: One for each.
    """

    source: str
    accepted: int
    refused: int
    records: Sequence[TakenRecord]


@dataclass(frozen=True)
class TrainingSet:
    """How a training set stands.

    Attributes:
        id: Its id.
        state: `waiting`, `running`, `done` or `failed`.
        created_at: When it was asked for.
        expires_at: When it is deleted.
        rows: How many rows ask.
        done: How much of the present step is done, of `total`.
        total: How much there is to do in it.
        doing: The present step.
        message: Why it failed; empty otherwise.
    """

    id: str
    state: Literal["waiting", "running", "done", "failed"]
    created_at: datetime
    expires_at: datetime
    rows: int
    done: int
    total: int
    doing: str
    message: str


@dataclass(frozen=True)
class Page:
    """Some of many things.

    Attributes:
        items: In order of name.
        next: The cursor of the next page; None: this is the last.
        total: How many there are in all.
    """

    items: Sequence[Mapping[str, Any]]
    next: str | None
    total: int
