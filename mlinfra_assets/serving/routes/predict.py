"""`/v1/predict/{model}`: predictions, logged before they are answered."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Depends, Path

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.serving import access
from mlinfra_assets.serving.answers import JsonResponse, time
from mlinfra_assets.serving.bodies import PredictAnswer, PredictRequest
from mlinfra_assets.serving.caller import Caller
from mlinfra_assets.serving.frozen import frozen_views, headers
from mlinfra_assets.serving.predict import Predictor


def predict_routes(store: OnlineStore, predictor: Predictor) -> APIRouter:
    """The addresses that predict.

    Args:
        store: Knows the open breakers.
        predictor: Predicts and logs.
    """
    router = APIRouter()

    @router.post(
        "/v1/predict/{model}",
        summary="Predictions about entities, logged before they are answered",
        response_model=PredictAnswer,
    )
    def predict(
        model: Annotated[str, Path(max_length=128)],
        request: Annotated[PredictRequest, Body()],
        caller: Annotated[Caller, Depends(access.requires(access.PREDICT, "model"))],
    ) -> JsonResponse:
        """One prediction for each entity by the version in production. An entity never seen is scored on nulls."""
        caller.takes(len(request.entities))
        made = predictor.predict(model, request.entities, request.request)
        frozen = frozen_views(store, made.views, to_micros(made.predicted_at))
        return JsonResponse(
            {
                "model": made.model,
                "model_version": made.model_version,
                "predicted_at": time(to_micros(made.predicted_at)),
                "predictions": made.predictions,
                "frozen": frozen,
            },
            headers=headers(frozen),
        )

    return router
