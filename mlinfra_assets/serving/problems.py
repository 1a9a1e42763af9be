"""What went wrong, as an answer: a status and a message for a person, never a traceback."""

from __future__ import annotations

import logging

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Send

from mlinfra_assets.errors import InvalidInputError, MlinfraError, UnavailableError
from mlinfra_assets.feature_store.online.errors import (
    DamagedBaseError,
    UnknownModelError,
    UnknownServiceError,
    UnknownViewError,
)
from mlinfra_assets.serving.answers import JsonResponse
from mlinfra_assets.serving.catalogue import NotThereError
from mlinfra_assets.serving.errors import BeingWorkedOnError, RefusedRecordsError, UnknownSourceError
from mlinfra_assets.serving.training_sets import (
    TooManyTrainingSetsError,
    TrainingSetNotDoneError,
    UnknownTrainingSetError,
)

REASONS = 20
_log = logging.getLogger(__name__)
_STATUS: tuple[tuple[type[MlinfraError], int], ...] = (
    (UnknownViewError, 404),
    (UnknownModelError, 404),
    (UnknownServiceError, 404),
    (UnknownSourceError, 404),
    (NotThereError, 404),
    (UnknownTrainingSetError, 404),
    (TrainingSetNotDoneError, 409),
    (BeingWorkedOnError, 409),
    (TooManyTrainingSetsError, 429),
    (InvalidInputError, 422),
    (UnavailableError, 503),
    (DamagedBaseError, 503),
)


def handle_problems(app: FastAPI) -> None:
    """Have an app answer every error in one form: `{"error": {"message": ..., "reasons": [...]}}`."""
    app.add_exception_handler(MlinfraError, _ours)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)


async def refuse(send: Send, error: HTTPException) -> None:
    """Answer a request with an error before it has come to the app."""
    body = orjson.dumps({"error": {"message": error.detail}})
    given = [(name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items()]
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode()), *given]
    await send({"type": "http.response.start", "status": error.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _ours(_: Request, error: Exception) -> Response:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    if status == 500:
        _log.error("%s: %s", type(error).__name__, error)
    reasons = error.reasons if isinstance(error, RefusedRecordsError) else None
    return _problem(status, str(error), reasons, {"Retry-After": "1"} if status in {409, 429} else None)


async def _not_valid(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    # The offending values are left out: they may be huge, or hold what JSON has no form for.
    found = [f"{'.'.join(map(str, e['loc'][1:])) or 'body'}: {e['msg']}" for e in error.errors()]
    return _problem(422, "the request is not what this address takes", found[:REASONS])


async def _http(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return _problem(error.status_code, str(error.detail), headers=dict(error.headers or {}))


async def _unforeseen(request: Request, error: Exception) -> Response:
    _log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    named = {"X-Request-Id": request.state.request_id}  # what observes requests has been left by then
    return _problem(500, "the server failed; its log says how", headers=named)


def _problem(
    status: int, message: str, reasons: list[str] | None = None, headers: dict[str, str] | None = None
) -> Response:
    detail: dict[str, object] = {"message": message}
    if reasons:
        detail["reasons"] = reasons
    return JsonResponse({"error": detail}, status_code=status, headers=headers)
