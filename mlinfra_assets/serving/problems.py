"""What went wrong, as an answer: a status and a message for a person, never a traceback."""

from __future__ import annotations

import logging

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mlinfra_assets.errors import InvalidInputError, MlinfraError, UnavailableError
from mlinfra_assets.feature_store.online.errors import UnknownModelError, UnknownServiceError, UnknownViewError
from mlinfra_assets.serving.answers import JsonResponse

REASONS = 20
_log = logging.getLogger(__name__)
_STATUS: tuple[tuple[type[MlinfraError], int], ...] = (
    (UnknownViewError, 404),
    (UnknownModelError, 404),
    (UnknownServiceError, 404),
    (InvalidInputError, 422),
    (UnavailableError, 503),
)


def handle_problems(app: FastAPI) -> None:
    """Have an app answer every error in one form: `{"error": {"message": ..., "reasons": [...]}}`."""
    app.add_exception_handler(MlinfraError, _ours)
    app.add_exception_handler(RequestValidationError, _not_valid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unforeseen)


async def _ours(_: Request, error: Exception) -> Response:
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    if status == 500:
        _log.error("%s: %s", type(error).__name__, error)
    return _problem(status, str(error))


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
    return _problem(500, "the server failed; its log says how")


def _problem(
    status: int, message: str, reasons: list[str] | None = None, headers: dict[str, str] | None = None
) -> Response:
    detail: dict[str, object] = {"message": message}
    if reasons:
        detail["reasons"] = reasons
    return JsonResponse({"error": detail}, status_code=status, headers=headers)
