"""`/get-online-features`: features of now in Feast's protocol, so that its clients work."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends

from mlinfra_assets.clock import Clock, to_micros
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.serving import access
from mlinfra_assets.serving.answers import JsonResponse
from mlinfra_assets.serving.caller import Caller
from mlinfra_assets.serving.feast import (
    OnlineFeaturesAnswer,
    OnlineFeaturesRequest,
    feast_references,
    online_features,
)
from mlinfra_assets.serving.features import views_of
from mlinfra_assets.serving.frozen import frozen_views, headers


def feast_routes(store: OnlineStore, clock: Clock) -> APIRouter:
    """The address that Feast's clients ask.

    Args:
        store: Where features are.
        clock: What "now" is.
    """
    router = APIRouter()

    @router.post(
        "/get-online-features",
        summary="Features of entities, as of now, in Feast's protocol",
        response_model=OnlineFeaturesAnswer,
    )
    def get_online_features(
        request: Annotated[OnlineFeaturesRequest, Body()],
        caller: Annotated[Caller, Depends(access.requires(access.FEATURES))],
    ) -> JsonResponse:
        """What Feast's Python feature server answers: a column for each join key, then one for each feature.

        A value's status is `PRESENT`, `NULL_VALUE`, `NOT_FOUND` (the view has no row of the entity that counts) or
        `OUTSIDE_MAX_AGE` (the latest is older than the view's TTL); its event timestamp is that of the latest row.
        """
        references = feast_references(store, request)
        caller.needs(access.FEATURES, views_of(references))
        caller.takes(max(map(len, request.entities.values())))
        t = to_micros(clock.now())
        answer, vectors = online_features(store, request, references, t)
        return JsonResponse(answer, headers=headers(frozen_views(store, vectors, t)))

    return router
