"""What the API says when it does not do what is asked."""

from __future__ import annotations

from collections.abc import Sequence

import httpx


class ApiError(Exception):
    """The API did not do what was asked.

    Attributes:
        status: HTTP's number; None: there was no answer.
        message: What the API said.
        reasons: What is wrong with each part of the request, if it said so.
        retry_after: Seconds after which asking again may help; None: it did not say.
    """

    def __init__(
        self, message: str, status: int | None = None, reasons: Sequence[str] = (), retry_after: float | None = None
    ) -> None:
        super().__init__("; ".join([message, *reasons]))
        self.message = message
        self.status = status
        self.reasons = tuple(reasons)
        self.retry_after = retry_after


class NotAllowedError(ApiError):
    """The key is missing, unknown, or not good for this (401, 403)."""


class NotFoundError(ApiError):
    """There is no such view, model, service, training set or table (404)."""


class RefusedError(ApiError):
    """What was sent is wrong, or not what the address takes (other 4xx)."""


class TooManyRequestsError(ApiError):
    """The key has asked too much in too short a time (429)."""


class ApiDownError(ApiError):
    """The API cannot be reached, or cannot answer at present (5xx)."""


_KINDS: dict[int, type[ApiError]] = {
    401: NotAllowedError,
    403: NotAllowedError,
    404: NotFoundError,
    429: TooManyRequestsError,
}


def error_of(response: httpx.Response) -> ApiError:
    """The error that an answer tells of; its body has been read."""
    status = response.status_code
    try:
        said = response.json()["error"]
        message, reasons = str(said["message"]), [str(reason) for reason in said.get("reasons", ())]
    except (ValueError, KeyError, TypeError, AttributeError):
        message, reasons = f"{response.request.url} answered {status}, and it is no answer of this API", []
    after = response.headers.get("retry-after", "")
    kind = _KINDS.get(status, ApiDownError if status >= 500 else RefusedError)
    return kind(message, status, reasons, float(after) if after.isdigit() else None)
