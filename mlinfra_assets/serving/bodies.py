"""What requests hold and what answers hold, as the API's own documentation shows it."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

MAX_ENTITIES = 1_000
MAX_FEATURES = 500
MAX_REQUEST_VALUES = 200

Entity = dict[StrictStr, StrictInt | Annotated[StrictStr, Field(max_length=1_024)]]
Entities = Annotated[
    list[Entity],
    Field(min_length=1, max_length=MAX_ENTITIES, description="Join key values by name.", examples=[[{"id": 17850}]]),
]
Value = int | float | str | bool | None
RequestValue = StrictBool | StrictInt | StrictFloat | Annotated[StrictStr, Field(max_length=10_000)] | None
RequestValues = Annotated[
    dict[Annotated[StrictStr, Field(max_length=256)], RequestValue], Field(max_length=MAX_REQUEST_VALUES)
]


Features = Annotated[
    list[Annotated[str, Field(max_length=256)]],
    Field(min_length=1, max_length=MAX_FEATURES, description='`"view:feature"`, or `"view"` for all of one.'),
]
Service = Annotated[str, Field(max_length=128, description="A feature service, instead of a list of features.")]
GivenWithQuestion = Annotated[
    RequestValues | Annotated[list[RequestValues], Field(max_length=MAX_ENTITIES)] | None,
    Field(
        description="Values that features want with the question, by name: for all entities alike, or one object "
        "for each. Times as ISO 8601 with a zone, dates as 2011-12-09, decimals as text.",
        examples=[{"basket": 12.5}],
    ),
]


class FeaturesRequest(BaseModel):
    """Ask for the features of some entities: by a list, or by the name of a feature service."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"features": ["customer_features:orders"], "entities": [{"customer_id": 12347}], "details": True}
            ]
        },
    )

    features: Features | None = None
    service: Service | None = None
    entities: Entities
    request: GivenWithQuestion = None
    details: Annotated[
        StrictBool, Field(description="Say with each value its status, event time, version, run and watermark.")
    ] = False

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.features is None) == (self.service is None):
            raise ValueError("name either features or a service")
        return self


class PredictRequest(BaseModel):
    """Ask for predictions about some entities."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"entities": [{"customer_id": 12347}]}]})

    entities: Entities
    request: GivenWithQuestion = None


class ViewState(BaseModel):
    """What a view's values rest on."""

    status: Literal["present", "not_found", "expired"]
    version: str
    watermark: dict[str, dict]
    known_up_to: str
    latest_event: str | None


class ValueDetails(BaseModel):
    """What one value rests on.

    `not_found` and `expired` values are null, or the default that their view declares. The event time is that of the
    entity's latest row; the run is the one that pushed the view.
    """

    status: Literal["present", "null", "not_found", "expired"]
    event_time: str | None
    version: str
    run: str
    watermark: dict[str, dict]


class EntityFeatures(BaseModel):
    """The features of one entity; `details` only where they were asked for."""

    entity: dict[str, int | str]
    features: dict[str, Value]
    views: dict[str, ViewState]
    scores: dict[str, str]
    details: dict[str, ValueDetails] | None = None


class OpenBreaker(BaseModel):
    """A circuit breaker that is open."""

    since: str
    by: str
    why: str


class FrozenView(BaseModel):
    """A view that serves its last good values because of open breakers, and how old they are."""

    breakers: dict[str, OpenBreaker]
    known_up_to: str
    age_seconds: float


class FeaturesAnswer(BaseModel):
    """The features of some entities at one moment, in the order that was asked in."""

    at: str
    results: list[EntityFeatures]
    frozen: dict[str, FrozenView]


class Prediction(BaseModel):
    """One prediction, as it was logged."""

    prediction_id: str
    entity: dict[str, int | str]
    score: float
    status: dict[str, Literal["present", "not_found", "expired"]]


class PredictAnswer(BaseModel):
    """Predictions at one moment, in the order that was asked in."""

    model: str
    model_version: str
    predicted_at: str
    predictions: list[Prediction]
    frozen: dict[str, FrozenView]


class UsedView(BaseModel):
    """The version of a view, and how far its sources had been fed."""

    version: str
    watermark: dict[str, dict]


class ComparedValue(BaseModel):
    """A value as it was logged and as raw gives it; `same`: to the last bit."""

    name: str
    logged: Value | list[Value]
    recomputed: Value | list[Value]
    same: bool


class SourceRow(BaseModel):
    """A row that the vector was made of: its place in its stream, its times, the beginning of what arrived."""

    source: str
    partition: int
    offset: int
    row: int
    release: int | None
    event_time: str
    known_at: str
    payload: str
    features: list[str]


class ReplayAnswer(BaseModel):
    """A prediction computed from raw again."""

    prediction_id: str
    model: str
    model_version: str
    entity: dict[str, Value]
    predicted_at: str
    views: dict[str, UsedView]
    values: list[ComparedValue]
    rows: list[SourceRow]
    read: list[str]
    reproduced: bool
    messages: list[str]
