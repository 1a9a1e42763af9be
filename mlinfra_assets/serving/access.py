"""What an address asks of whoever calls it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from mlinfra_assets.serving.caller import Caller, caller_of
from mlinfra_assets.serving.scopes import FEATURES, INGEST, METRICS, OUTCOMES, PREDICT, REGISTRY, REPLAY, TRAINING

__all__ = ["FEATURES", "INGEST", "METRICS", "OUTCOMES", "PREDICT", "REGISTRY", "REPLAY", "TRAINING", "requires"]

_BEARER = HTTPBearer(auto_error=False, description="An API key; not asked for where there are none.")


def requires(kind: str, named_by: str | None = None) -> Callable[..., Caller]:
    """A dependency that lets a request pass whose key is good for this; it is the caller.

    An address whose views or models stand in the body asks for the kind alone, and then for each by `Caller.needs`.

    Args:
        kind: What the address is about (`scopes.KINDS`).
        named_by: The part of the path that names the one thing it is about; None: it is about several.
    """

    def check(request: Request, _: Annotated[HTTPAuthorizationCredentials | None, Security(_BEARER)] = None) -> Caller:
        caller = caller_of(request.scope)
        caller.needs(kind, None if named_by is None else [request.path_params[named_by]])
        return caller

    return check
