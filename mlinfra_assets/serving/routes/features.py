"""`/v1/features`: the features of entities, as of now."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends

from mlinfra_assets.clock import Clock, to_micros
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.serving import access
from mlinfra_assets.serving.answers import JsonResponse, time, view_state
from mlinfra_assets.serving.asked import asked_features
from mlinfra_assets.serving.bodies import FeaturesAnswer, FeaturesRequest
from mlinfra_assets.serving.caller import Caller
from mlinfra_assets.serving.details import value_details
from mlinfra_assets.serving.features import read_features, views_of
from mlinfra_assets.serving.frozen import frozen_views, headers
from mlinfra_assets.serving.request_values import request_values


def features_routes(store: OnlineStore, clock: Clock) -> APIRouter:
    """The addresses that answer with features.

    Args:
        store: Where features are.
        clock: What "now" is.
    """
    router = APIRouter()

    @router.post(
        "/v1/features",
        summary="Features of entities, as of now",
        response_model=FeaturesAnswer,
    )
    def features(
        request: Annotated[FeaturesRequest, Body()],
        caller: Annotated[Caller, Depends(access.requires(access.FEATURES))],
    ) -> JsonResponse:
        """The values that the views have for each entity at this moment, computed when they are asked for."""
        references = asked_features(store, request.features, request.service)
        caller.needs(access.FEATURES, views_of(references))
        caller.takes(len(request.entities))
        t = to_micros(clock.now())
        given = request_values(store, references, request.request, len(request.entities))
        found = read_features(store, references, request.entities, t, given)
        frozen = frozen_views(store, found[0].vectors, t)
        results = [
            {
                "entity": one.entity,
                "features": one.values(references),
                "views": {view: view_state(vector) for view, vector in one.vectors.items()},
                "scores": one.scores,
                **({"details": value_details(one, references)} if request.details else {}),
            }
            for one in found
        ]
        return JsonResponse({"at": time(t), "results": results, "frozen": frozen}, headers=headers(frozen))

    return router
