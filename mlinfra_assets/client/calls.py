"""Each thing that can be asked of the API: the request, how its answer reads, and whether asking twice is the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from json import dumps
from typing import Any, Generic, Literal, TypeVar
from urllib.parse import quote
from uuid import uuid4

from mlinfra_assets.client.results import (
    EntityFeatures,
    Features,
    Page,
    Prediction,
    Predictions,
    Taken,
    TakenRecord,
    TrainingSet,
    ValueDetails,
)

T = TypeVar("T")
Entity = Mapping[str, int | str]
Kind = Literal["entities", "views", "services", "models"]
ROOM = "/v1"


@dataclass(frozen=True)
class Call(Generic[T]):
    """One request.

    Attributes:
        method: HTTP's verb.
        path: The address.
        read: Makes a result of the answer's JSON.
        repeatable: Whether it may be sent again although the first may have been worked on.
        body: Sent as JSON; None: nothing.
        params: The query.
        headers: More headers.
    """

    method: str
    path: str
    read: Callable[[Any], T]
    repeatable: bool
    body: object = None
    params: Mapping[str, Any] | None = None
    headers: Mapping[str, str] | None = None


def features(
    names: Sequence[str] | str,
    entities: Sequence[Entity],
    request: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None,
    *,
    details: bool,
) -> Call[Features]:
    """The features of entities, as of now."""
    body = {**_asked(names), "entities": [dict(one) for one in entities], "details": details}
    if request is not None:
        body["request"] = request
    return Call("POST", f"{ROOM}/features", _features, repeatable=True, body=body)


def predict(model: str, entities: Sequence[Entity], request: object = None) -> Call[Predictions]:
    """Predictions; each one is logged, so that it is not asked for twice by itself."""
    body: dict[str, object] = {"entities": [dict(one) for one in entities]}
    if request is not None:
        body["request"] = request
    return Call("POST", f"{ROOM}/predict/{_part(model)}", _predictions, repeatable=False, body=body)


def ingest(source: str, records: Sequence[Mapping[str, Any]], key: str | None, *, partial: bool) -> Call[Taken]:
    """Records into a source's stream; the idempotency key lets them be sent again."""
    path = f"{ROOM}/ingest/{_part(source)}"
    return _sent(path, records, key, partial=partial)


def outcomes(records: Sequence[Mapping[str, Any]], key: str | None, *, partial: bool) -> Call[Taken]:
    """What became of predictions."""
    return _sent(f"{ROOM}/outcomes", records, key, partial=partial)


def replay(prediction_id: str) -> Call[dict[str, Any]]:
    """A prediction computed from raw again."""
    return Call("GET", f"{ROOM}/predictions/{_part(prediction_id)}/replay", dict, repeatable=True)


def create_training_set(
    names: Sequence[str] | str,
    entities: Sequence[Mapping[str, Any]] | None,
    table: str | None,
    options: Mapping[str, object],
) -> Call[TrainingSet]:
    """Ask for a training set."""
    body: dict[str, object] = {**_asked(names), **options}
    if entities is not None:
        body["entities"] = [{name: _plain(value) for name, value in row.items()} for row in entities]
    if table is not None:
        body["table"] = {"name": table}
    return Call("POST", f"{ROOM}/training-sets", _training_set, repeatable=False, body=body)


def training_set(number: str) -> Call[TrainingSet]:
    """How a training set stands."""
    return Call("GET", f"{ROOM}/training-sets/{_part(number)}", _training_set, repeatable=True)


def registry(kind: Kind, limit: int, cursor: str) -> Call[Page]:
    """Entities, views, services or models."""
    return _page(f"{ROOM}/registry/{kind}", limit, cursor)


def view(name: str, version: str | None) -> Call[dict[str, Any]]:
    """Everything about a version of a view."""
    params = None if version is None else {"version": version}
    return Call("GET", f"{ROOM}/registry/views/{_part(name)}", dict, repeatable=True, params=params)


def history(name: str) -> Call[list[dict[str, Any]]]:
    """The versions of a view."""
    path = f"{ROOM}/registry/views/{_part(name)}/history"
    return Call("GET", path, lambda found: found["versions"], repeatable=True, params={"limit": 1_000})


def catalog(limit: int, cursor: str) -> Call[Page]:
    """The tables of the lake."""
    return _page(f"{ROOM}/catalog", limit, cursor)


def lineage(
    view_name: str, feature: str, entity: Entity, at: datetime | None, known_at: datetime | None, limit: int
) -> Call[dict[str, Any]]:
    """Where a value comes from."""
    times = {"at": at, "known_at": known_at}
    params = {**entity, **{name: _plain(time) for name, time in times.items() if time is not None}, "limit": limit}
    return Call("GET", f"{ROOM}/lineage/{_part(view_name)}/{_part(feature)}", dict, repeatable=True, params=params)


def _sent(path: str, records: Sequence[Mapping[str, Any]], key: str | None, *, partial: bool) -> Call[Taken]:
    return Call(
        "POST",
        path,
        _taken,
        repeatable=True,
        body=[{name: _plain(value) for name, value in record.items()} for record in records],
        params={"partial": "true"} if partial else None,
        headers={"Idempotency-Key": uuid4().hex if key is None else key},
    )


def _page(path: str, limit: int, cursor: str) -> Call[Page]:
    return Call(
        "GET",
        path,
        lambda found: Page(found["items"], found["next"], found["total"]),
        repeatable=True,
        params={"limit": limit, "cursor": cursor},
    )


def _asked(names: Sequence[str] | str) -> dict[str, object]:
    return {"service": names} if isinstance(names, str) else {"features": list(names)}


def _part(text: str) -> str:
    return quote(text, safe="")


def _plain(value: object) -> object:
    """A value as JSON has it: a time with its zone as text."""
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError(f"{value} has no zone: give times with a zone, such as UTC")
        return value.isoformat()
    try:
        dumps(value)
    except TypeError:
        return str(value)
    return value


def _time(text: str | None) -> Any:  # noqa: ANN401 - None only where None comes
    return None if text is None else datetime.fromisoformat(text)


def _features(found: dict[str, Any]) -> Features:
    results = [
        EntityFeatures(
            entity=one["entity"],
            features=one["features"],
            views=one["views"],
            scores=one["scores"],
            details={name: _details(said) for name, said in one.get("details", {}).items()},
        )
        for one in found["results"]
    ]
    return Features(_time(found["at"]), results, found["frozen"])


def _details(said: dict[str, Any]) -> ValueDetails:
    return ValueDetails(said["status"], _time(said["event_time"]), said["version"], said["run"], said["watermark"])


def _predictions(found: dict[str, Any]) -> Predictions:
    made = [
        Prediction(one["prediction_id"], one["entity"], one["score"], one["status"]) for one in found["predictions"]
    ]
    return Predictions(found["model"], found["model_version"], _time(found["predicted_at"]), made, found["frozen"])


def _taken(found: dict[str, Any]) -> Taken:
    records = [TakenRecord(r.get("partition"), r.get("offset"), r.get("reasons") or ()) for r in found["records"]]
    return Taken(found["source"], found["accepted"], found["refused"], records)


def _training_set(found: dict[str, Any]) -> TrainingSet:
    known = {field.name: found[field.name] for field in fields(TrainingSet)}
    return TrainingSet(**{**known, "created_at": _time(found["created_at"]), "expires_at": _time(found["expires_at"])})
