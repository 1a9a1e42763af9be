"""`/v1/training-sets`: features of the past, made in the background."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal, Self

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError, model_validator
from starlette.concurrency import run_in_threadpool

from mlinfra_assets.clock import to_micros
from mlinfra_assets.errors import InvalidInputError
from mlinfra_assets.serving import access
from mlinfra_assets.serving.answers import JsonResponse, time
from mlinfra_assets.serving.bodies import Features, RequestValues, Service
from mlinfra_assets.serving.caller import Caller
from mlinfra_assets.serving.features import views_of
from mlinfra_assets.serving.lake_side import LakeSide, needed
from mlinfra_assets.serving.payloads import JSON, LINES, MAX_RECORDS, payloads
from mlinfra_assets.serving.table_files import MEDIA_TYPES, Format, stream
from mlinfra_assets.serving.training_sets import (
    TableOfEntities,
    TrainingSet,
    TrainingSetQuestion,
    TrainingSets,
    UnknownTrainingSetError,
)

Number = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="Id of the training set.")]
Name = Annotated[str, Field(max_length=256)]
Asking = Annotated[Caller, Depends(access.requires(access.TRAINING))]


class EntityTable(BaseModel):
    """A table of the lake whose rows ask."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name, Field(description="Its name, such as `training/churn`; a setting allows it.")]
    version: Annotated[int | None, Field(ge=0, description="As of which version; default the newest.")] = None
    columns: Annotated[list[Name] | None, Field(min_length=1, max_length=500, description="Default: all.")] = None


class TrainingSetOptions(BaseModel):
    """Which features, and as known when."""

    model_config = ConfigDict(extra="forbid")

    features: Features | None = None
    service: Service | None = None
    known: Annotated[
        Name, Field(description="`as_of`: rows known at the time asked about; `hindsight`; or a column of times.")
    ] = "as_of"
    event_timestamp: Annotated[Name, Field(description="The column with the time that each row asks about.")] = (
        "event_timestamp"
    )
    full_feature_names: Annotated[StrictBool, Field(description="Call a feature `view__feature`.")] = False

    @model_validator(mode="after")
    def _either(self) -> Self:
        if (self.features is None) == (self.service is None):
            raise ValueError("name either features or a service")
        return self


class TrainingSetRequest(TrainingSetOptions):
    """Ask for the features of entities at times of the past."""

    entities: Annotated[
        list[RequestValues] | None,
        Field(min_length=1, max_length=MAX_RECORDS, description="Join keys, time and request values of each row."),
    ] = None
    table: EntityTable | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.entities is None) == (self.table is None):
            raise ValueError("give either entities or a table")
        return self


class QueryOptions(TrainingSetOptions):
    """The options of a question whose rows are lines; they stand in the address, as text."""

    full_feature_names: bool = False


class TrainingSetAnswer(BaseModel):
    """How a training set stands. `done` and `total` count within the step that it is `doing`."""

    id: str
    state: Literal["waiting", "running", "done", "failed"]
    created_at: datetime
    expires_at: datetime
    rows: int
    table: EntityTable | None
    done: int
    total: int
    doing: str
    message: str


EXAMPLE = {
    "features": ["customer_features:orders", "customer_features:recency_days"],
    "entities": [{"customer_id": 12347, "event_timestamp": "2011-06-01T00:00:00Z"}],
}
BODY = {
    "required": True,
    "content": {
        JSON: {
            "schema": TrainingSetRequest.model_json_schema(ref_template="#/components/schemas/{model}"),
            "example": EXAMPLE,
        },
        LINES: {
            "schema": {"type": "string", "description": "A row a line; the options stand in the address."},
            "example": orjson.dumps(EXAMPLE["entities"][0]).decode() + "\n",
        },
    },
}
ROWS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The columns of the rows that asked, in their order, and one for each feature.",
        "content": {kind: {"schema": {"type": "string", "format": "binary"}} for kind in MEDIA_TYPES.values()},
    }
}


def training_set_routes(lake: LakeSide | None) -> APIRouter:
    """The addresses that make training sets.

    Args:
        lake: Makes them; None: none can be made here.
    """
    router = APIRouter(tags=["training sets"])

    @router.post(
        "/v1/training-sets",
        summary="Ask for a training set: features of the past",
        status_code=202,
        response_model=TrainingSetAnswer,
        openapi_extra={"requestBody": BODY},
    )
    async def create(request: Request, caller: Asking) -> Response:
        """Each row once, in its order, with the features of its entity at its time; made in the background.

        Rows come as `entities` in JSON, as lines of JSON (`application/x-ndjson`, with the options in the address), or
        from a `table` of the lake. The answer names the id to ask after.
        """
        sets = needed(lake).training_sets
        body = await request.body()
        return await run_in_threadpool(_created, sets, request, body, caller)

    @router.get("/v1/training-sets/{number}", summary="How a training set stands", response_model=TrainingSetAnswer)
    def status(number: Number, caller: Asking) -> JsonResponse:
        """Its state and how far it has come. It is deleted when it expires."""
        return JsonResponse(_answer(_own(needed(lake).training_sets, number, caller)))

    @router.get(
        "/v1/training-sets/{number}/rows",
        summary="The rows of a training set, as Parquet, Arrow or lines of JSON",
        response_class=Response,
        responses=ROWS,
    )
    def rows(
        number: Number,
        caller: Asking,
        format: Annotated[Format, Query(description="`arrow` is an IPC stream.")] = "parquet",  # noqa: A002
    ) -> Response:
        """The rows, streamed."""
        sets = needed(lake).training_sets
        _own(sets, number, caller)
        return _file(sets.file(number), number, format)

    return router


def _created(sets: TrainingSets, request: Request, body: bytes, caller: Caller) -> JsonResponse:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    asked = _validated(TrainingSetRequest, body) if kind == JSON else _from_lines(request, payloads(kind, body))
    features = asked.service if asked.features is None else tuple(asked.features)
    if isinstance(features, tuple):
        caller.needs(access.FEATURES, [view.partition("@")[0] for view in views_of(features)])
    else:
        caller.needs(access.FEATURES)
    caller.takes(len(asked.entities or ()))
    table = asked.table
    entities: Sequence[dict[str, Any]] | TableOfEntities = (
        TableOfEntities(table.name, table.version, None if table.columns is None else tuple(table.columns))
        if table is not None
        else asked.entities or []
    )
    made = sets.start(
        TrainingSetQuestion(
            features=features or (),
            entities=entities,
            known=asked.known,
            event_timestamp=asked.event_timestamp,
            full_feature_names=asked.full_feature_names,
            owner=caller.name,
        )
    )
    return JsonResponse(_answer(made), status_code=202, headers={"location": f"/v1/training-sets/{made.id}"})


def _from_lines(request: Request, lines: Sequence[bytes]) -> TrainingSetRequest:
    query = request.query_params
    options: dict[str, object] = {key: value for key, value in query.items() if key != "features"}
    if "features" in query:
        options["features"] = query.getlist("features")
    checked = _validated(QueryOptions, options, "query")
    rows = []
    for number, line in enumerate(lines, start=1):
        try:
            rows.append(orjson.loads(line))
        except orjson.JSONDecodeError as error:
            raise InvalidInputError(f"record {number} is not JSON: {error}") from error
    return _validated(TrainingSetRequest, {**checked.model_dump(), "entities": rows})


def _validated(model: type[Any], content: object, place: str = "body") -> Any:  # noqa: ANN401 - of that model
    try:
        return model.model_validate_json(content) if isinstance(content, bytes) else model.model_validate(content)
    except ValidationError as error:
        found = [{**one, "loc": (place, *one["loc"])} for one in error.errors(include_url=False)]
        raise RequestValidationError(found) from error


def _own(sets: TrainingSets, number: str, caller: Caller) -> TrainingSet:
    """A training set of the caller's own: of another's it is not even said that it is there."""
    found = sets.get(number)
    if found.owner != caller.name:
        raise UnknownTrainingSetError(f"there is no training set {number} of the key {caller.name}")
    return found


def _answer(found: TrainingSet) -> dict[str, object]:
    table = found.entities
    return {
        "id": found.id,
        "state": found.state,
        "created_at": time(to_micros(found.created_at)),
        "expires_at": time(to_micros(found.expires_at)),
        "rows": found.rows,
        "table": None if table is None else {"name": table.name, "version": table.version, "columns": table.columns},
        "done": found.done,
        "total": found.total,
        "doing": found.doing,
        "message": found.message,
    }


def _file(path: FilePath, number: str, wanted: Format) -> Response:
    if wanted == "parquet":
        return FileResponse(path, media_type=MEDIA_TYPES[wanted], filename=f"{number}.parquet")
    parts: Iterator[bytes] = stream(path, wanted)
    name = f'attachment; filename="{number}.{wanted}"'
    return StreamingResponse(parts, media_type=MEDIA_TYPES[wanted], headers={"content-disposition": name})
