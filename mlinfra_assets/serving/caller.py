"""Who a request comes from, what it may ask for, and how much."""

from __future__ import annotations

import math
from collections.abc import Iterable

from fastapi import HTTPException
from starlette.types import Scope

from mlinfra_assets.serving.bucket import Bucket
from mlinfra_assets.serving.scopes import EVERYTHING, Scopes, allows, touches

ANYONE: Scopes = frozenset({EVERYTHING})
_STATE = "mlinfra_caller"


class Caller:
    """The sender of one request.

    Args:
        name: The key's name; None: no key was asked for.
        scopes: What it is good for.
        entities: How much the key may ask; None: as much as it likes.
    """

    __slots__ = ("_bucket", "entities", "name", "scopes")

    def __init__(self, name: str | None, scopes: Scopes, entities: Bucket | None = None) -> None:
        self.name = name
        self.scopes = scopes
        self.entities = 0
        self._bucket = entities

    def needs(self, kind: str, names: Iterable[str] | None = None) -> None:
        """Refuse what the key is not good for.

        Args:
            kind: What is asked for (`scopes.KINDS`).
            names: Each view, model or source that is asked for; None: anything of that kind will do.

        Raises:
            HTTPException: 403, naming all that is missing.
        """
        if names is None:
            lacking = [] if touches(self.scopes, kind) else [kind]
        else:
            lacking = [f"{kind}:{name}" for name in dict.fromkeys(names) if not allows(self.scopes, kind, name)]
        if lacking:
            shown = ", ".join(scope[:200] for scope in lacking[:20])
            raise HTTPException(403, f"the key {self.name} is not good for {shown}")

    def takes(self, entities: int) -> None:
        """Count the entities (or records) that the request is about.

        Raises:
            HTTPException: 429, once they are too many a second.
        """
        self.entities += entities
        wait = 0.0 if self._bucket is None else self._bucket.take(entities)
        if wait and self._bucket is not None:
            raise too_many(f"the key {self.name} may ask about {self._bucket.rate} entities a second", wait)

    def gives_back(self, entities: int) -> None:
        """Count entities less that were counted before, and not asked about."""
        self.entities -= entities
        if self._bucket is not None:
            self._bucket.give(entities)


def too_many(what: str, wait: float) -> HTTPException:
    """The answer to a request that comes too soon; `wait` in seconds."""
    return HTTPException(429, f"{what}: ask again later", {"Retry-After": str(max(1, math.ceil(wait)))})


def caller_of(scope: Scope) -> Caller:
    """The sender of a request that has passed the gate."""
    return scope["state"][_STATE]


def known_caller(scope: Scope) -> Caller | None:
    """The sender of a request, if it came so far that one knows."""
    return scope.get("state", {}).get(_STATE)


def put_caller(scope: Scope, caller: Caller) -> None:
    """Say who a request comes from."""
    scope.setdefault("state", {})[_STATE] = caller
