"""What is kept of every request: its id, a line in the access log, and the numbers that are counted."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlinfra_assets.serving.access_log import AccessLog
from mlinfra_assets.serving.caller import known_caller
from mlinfra_assets.serving.metrics import Metrics

HEADER = b"x-request-id"
UNKNOWN = "unknown"
FAILED, HUNG_UP = 500, 499
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class Observer:
    """ASGI middleware, around everything else.

    A request may bring an id (`X-Request-Id`: at most 64 letters, digits, `.`, `_` and `-`), or is given one; answer
    and log have it. Addresses are logged and counted as they are declared (`/v1/predict/{model}`): a path may hold
    anything.

    Args:
        app: What is observed.
        log: Where lines go.
        metrics: Where numbers go.
    """

    def __init__(self, app: ASGIApp, log: AccessLog, metrics: Metrics) -> None:
        self._app = app
        self._log = log
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and note what became of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        request_id = _given(scope) or uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status = HUNG_UP

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), (HEADER, request_id.encode())]
            await send(message)

        self._metrics.working += 1
        try:
            await self._app(scope, receive, answer)
        except BaseException:
            status = FAILED
            raise
        finally:
            self._metrics.working -= 1
            self._note(scope, status, time.perf_counter() - began, request_id)

    def _note(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        caller = known_caller(scope)
        entities = 0 if caller is None else caller.entities
        address = getattr(scope.get("route"), "path", UNKNOWN)
        self._metrics.count(address, status, seconds, entities)
        self._log.write(
            {
                "at": datetime.now(UTC).isoformat(timespec="milliseconds"),
                "request_id": request_id,
                "key": None if caller is None else caller.name,
                "client": scope["client"][0] if scope.get("client") else None,
                "method": scope["method"],
                "address": address,
                "status": status,
                "ms": round(seconds * 1000, 3),
                "entities": entities,
            }
        )


def _given(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == HEADER and _ID.fullmatch(value):
            return value.decode()
    return None
