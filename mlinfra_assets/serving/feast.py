"""Feast's protocol of features of now: what its Python feature server takes and answers, as of Feast 0.67."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from mlinfra_assets.clock import from_micros
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.feature_store.online.request import requested
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.feature_store.online.vector import OnlineVector, Value
from mlinfra_assets.feature_store.view import FeatureView
from mlinfra_assets.serving.asked import asked_features
from mlinfra_assets.serving.bodies import MAX_ENTITIES, MAX_FEATURES, MAX_REQUEST_VALUES
from mlinfra_assets.serving.details import ValueStatus, value_status
from mlinfra_assets.serving.features import EntityVectors, read_features
from mlinfra_assets.serving.request_values import request_values

NEVER = "1970-01-01T00:00:00Z"
LATEST = "@latest"
FieldStatus = Literal["PRESENT", "NULL_VALUE", "NOT_FOUND", "OUTSIDE_MAX_AGE"]
_STATUS: Mapping[ValueStatus, FieldStatus] = {
    "present": "PRESENT",
    "null": "NULL_VALUE",
    "not_found": "NOT_FOUND",
    "expired": "OUTSIDE_MAX_AGE",
}
Reference = Annotated[str, Field(max_length=256)]
Column = Annotated[list[Any], Field(max_length=MAX_ENTITIES)]


class OnlineFeaturesRequest(BaseModel):
    """Ask for features by columns: join keys, and the values that features want with the question."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={
            "examples": [
                {
                    "features": ["customer_features:orders", "customer_features:recency_days"],
                    "entities": {"customer_id": [12347, 12348]},
                    "full_feature_names": True,
                }
            ]
        },
    )

    entities: Annotated[
        dict[Annotated[str, Field(max_length=256)], Column],
        Field(min_length=1, max_length=MAX_REQUEST_VALUES, description="Values of each join key, by its name."),
    ]
    features: Annotated[list[Reference], Field(max_length=MAX_FEATURES, description='`"view:feature"`.')] = []
    feature_service: Annotated[Reference | None, Field(description="A feature service, instead of features.")] = None
    full_feature_names: StrictBool = False
    include_feature_view_version_metadata: StrictBool = False


class FeatureColumn(BaseModel):
    """A column of the answer: one value an entity."""

    values: list[Any]
    statuses: list[FieldStatus]
    event_timestamps: list[str]


class OnlineFeaturesMetadata(BaseModel):
    """The names of the columns: join keys first."""

    feature_names: list[str]
    feature_view_metadata: list[dict[str, str]] | None = None


class OnlineFeaturesAnswer(BaseModel):
    """Columns in the order of their names."""

    metadata: OnlineFeaturesMetadata
    results: list[FeatureColumn]


def online_features(
    store: OnlineStore, request: OnlineFeaturesRequest, references: Sequence[str], t: int
) -> tuple[dict, Mapping]:
    """The answer to a request at t (microseconds since 1970 UTC), and what each view answered for the first entity.

    The references are those that `feast_references` finds in the request. A column of `entities` that is neither a join
    key nor asked for by a feature is passed over, as Feast does.

    Raises:
        InvalidInputError: Two columns would have one name, the columns differ in length, or one is missing or of
            another type.
        UnavailableError: Redis cannot be reached, or holds no push of a view.
    """
    views = {name: store.view(name) for name in dict.fromkeys(r.partition(":")[0] for r in references)}
    names = _names(references, request.full_feature_names)
    columns = _by_join_key(request.entities, views)
    count = _length(columns)
    keys = [name for name in columns if any(name in view.key_schema for view in views.values())]
    entities = [{key: columns[key][i] for key in keys} for i in range(count)]
    given = _request_values(store, references, columns, views, count)
    found = read_features(store, references, entities, t, given)
    results = [_key_column(columns[key]) for key in keys]
    results += [_feature_column(found, reference) for reference in references]
    metadata: dict[str, object] = {"feature_names": [*keys, *names]}
    if request.include_feature_view_version_metadata:
        metadata["feature_view_metadata"] = [{"name": name} for name in views]
    return {"metadata": metadata, "results": results}, found[0].vectors


def feast_references(store: OnlineStore, request: OnlineFeaturesRequest) -> list[str]:
    """What is asked, view by view in order of appearance, as Feast answers it.

    Raises:
        InvalidInputError: Nothing or a whole view is asked for.
        UnknownServiceError: There is no such feature service online.
        UnavailableError: Redis cannot be reached.
    """
    asked = asked_features(store, None if request.feature_service else request.features, request.feature_service)
    if not asked:
        raise InvalidInputError("no features are asked for: name features, or a feature_service")
    whole = [reference for reference in asked if ":" not in reference]
    if whole:
        raise InvalidInputError(f'{whole[0]!r} is no feature: write "view:feature"')
    plain = [":".join((r.partition(":")[0].removesuffix(LATEST), r.partition(":")[2])) for r in asked]
    order = {view: place for place, view in enumerate(dict.fromkeys(r.partition(":")[0] for r in plain))}
    return sorted(plain, key=lambda reference: order[reference.partition(":")[0]])


def _names(references: Sequence[str], full: bool) -> list[str]:
    names = [reference.replace(":", "__") if full else reference.partition(":")[2] for reference in references]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise InvalidInputError(f"{', '.join(twice)} would be two columns: ask once, or with full_feature_names")
    return names


def _by_join_key(entities: Mapping[str, list], views: Mapping[str, FeatureView]) -> dict[str, list]:
    """The columns; one that is called like an entity stands for its only join key."""
    known = {key for view in views.values() for key in (*view.join_keys, *view.request_schema)}
    single = {e.name: e.join_keys[0] for view in views.values() for e in view.entities if len(e.join_keys) == 1}
    return {
        name if name in known else single[name]: values
        for name, values in entities.items()
        if name in known or name in single
    }


def _length(columns: Mapping[str, list]) -> int:
    lengths = {len(values) for values in columns.values()}
    if len(lengths) > 1:
        raise InvalidInputError(f"the columns of entities differ in length: {', '.join(map(str, sorted(lengths)))}")
    if not lengths or lengths == {0}:
        raise InvalidInputError("entities name no entity of these features: give the values of their join keys")
    return lengths.pop()


def _request_values(
    store: OnlineStore, references: Sequence[str], columns: Mapping[str, list], views: Mapping, count: int
) -> Any:  # noqa: ANN401 - the frame that features are read with
    names = [name for name in requested(views.values()) if name in columns]
    rows = [{name: columns[name][i] for name in names} for i in range(count)]
    return request_values(store, references, rows, count) if names else None


def _key_column(values: Sequence[object]) -> dict[str, object]:
    return {"values": values, "statuses": ["PRESENT"] * len(values), "event_timestamps": [NEVER] * len(values)}


def _feature_column(found: Sequence[EntityVectors], reference: str) -> dict[str, object]:
    view, _, feature = reference.partition(":")
    vectors = [one.vectors[view] for one in found]
    values = [vector.values[feature] for vector in vectors]
    return {
        "values": [_value(value) for value in values],
        "statuses": [_STATUS[value_status(v, value)] for v, value in zip(vectors, values, strict=True)],
        "event_timestamps": [_event_timestamp(vector) for vector in vectors],
    }


def _value(value: Value) -> object:
    """As Feast writes it: a time, and a date as its beginning, in whole seconds since 1970."""
    if isinstance(value, datetime):
        return int(value.timestamp() // 1)
    if isinstance(value, date):
        return int(datetime(value.year, value.month, value.day, tzinfo=UTC).timestamp())
    return value


def _event_timestamp(vector: OnlineVector) -> str:
    """As protobuf writes a time: without a fraction, or with three or six digits of it."""
    if vector.event_time is None:
        return NEVER
    exact = vector.event_time % 1_000_000
    precision = "seconds" if not exact else "milliseconds" if exact % 1_000 == 0 else "microseconds"
    return from_micros(vector.event_time).isoformat(timespec=precision).replace("+00:00", "Z")
