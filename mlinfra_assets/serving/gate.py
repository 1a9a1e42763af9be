"""Who comes in: a request brings a good key where one is asked for, not too often, and not too many at once."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Receive, Scope, Send

from mlinfra_assets.serving.bucket import Bucket
from mlinfra_assets.serving.caller import ANYONE, Caller, put_caller, too_many
from mlinfra_assets.serving.keyring import Keyring
from mlinfra_assets.serving.keys import ApiKey
from mlinfra_assets.serving.problems import refuse
from mlinfra_assets.settings import Settings

OPEN = frozenset({"/health/live", "/health/ready", "/openapi.json", "/docs"})
"""The addresses that ask for no key: how the API stands, and what it offers."""
ALWAYS = frozenset({"/health/live", "/health/ready"})
"""What answers however many requests are being worked on."""
BEARER = b"bearer "


class Gate:
    """ASGI middleware. It answers before anything of a request's body is read.

    Args:
        app: What is behind it.
        keys: The keys in force.
        settings: The limits.
    """

    def __init__(self, app: ASGIApp, keys: Keyring, settings: Settings) -> None:
        self._app = app
        self._keys = keys
        self._settings = settings
        self._rates: dict[str, tuple[ApiKey, Bucket, Bucket]] = {}
        self._working = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            put_caller(scope, self._caller(scope))
        except HTTPException as error:
            await refuse(send, error)
            return
        if scope["path"] in ALWAYS:
            await self._app(scope, receive, send)
            return
        if self._working >= self._settings.api_max_concurrent:
            await refuse(send, HTTPException(503, "too many requests at once: ask again", {"Retry-After": "1"}))
            return
        self._working += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._working -= 1

    def _caller(self, scope: Scope) -> Caller:
        self._keys.refresh()
        if not self._keys.required:
            return Caller(None, ANYONE)
        secret = _secret(scope)
        if secret is None:
            if scope["path"] in OPEN:
                return Caller(None, frozenset())
            raise _who("bring an API key: Authorization: Bearer <key>")
        key = self._keys.find(secret)
        if key is None:
            raise _who("this API key is not known")
        put_caller(scope, Caller(key.name, frozenset()))  # so that the log names whoever is refused
        if why := self._keys.ended(key):
            raise _who(f"the API key {key.name} {why}")
        requests, entities = self._buckets(key)
        if wait := requests.take(1):
            raise too_many(f"the key {key.name} may make {requests.rate} requests a second", wait)
        return Caller(key.name, key.scopes, entities)

    def _buckets(self, key: ApiKey) -> tuple[Bucket, Bucket]:
        known = self._rates.get(key.name)
        if known is None or known[0] != key:
            held, limits = key.requests_per_second, self._settings
            requests = Bucket(limits.api_requests_per_second if held is None else held)
            held = key.entities_per_second
            entities = Bucket(limits.api_entities_per_second if held is None else held)
            known = self._rates[key.name] = (key, requests, entities)
        return known[1], known[2]


def _secret(scope: Scope) -> str | None:
    for name, value in scope["headers"]:
        if name == b"authorization" and value[: len(BEARER)].lower() == BEARER:
            return value[len(BEARER) :].strip().decode("latin-1") or None
    return None


def _who(message: str) -> HTTPException:
    return HTTPException(401, message, {"WWW-Authenticate": "Bearer"})
