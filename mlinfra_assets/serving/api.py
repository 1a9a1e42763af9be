"""The app: which address answers what."""

from __future__ import annotations

from typing import Annotated

from fastapi import Body, Depends, FastAPI, Path

from mlinfra_assets.clock import Clock, to_micros
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.serving import access
from mlinfra_assets.serving.answers import JsonResponse, time, view_state
from mlinfra_assets.serving.bodies import FeaturesAnswer, FeaturesRequest, PredictAnswer, PredictRequest
from mlinfra_assets.serving.features import read_features
from mlinfra_assets.serving.frozen import frozen_views, headers
from mlinfra_assets.serving.guard import LOOPBACK_NAMES, Guard
from mlinfra_assets.serving.health import readiness
from mlinfra_assets.serving.predict import Predictor
from mlinfra_assets.serving.problems import handle_problems
from mlinfra_assets.serving.request_values import request_values
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.log import StreamLog

MAX_BODY_BYTES = 1 << 20


def create_app(store: OnlineStore, log: StreamLog, clock: Clock, settings: Settings) -> FastAPI:
    """The API over an online store and the stream that predictions are logged to.

    Args:
        store: Where features and models are.
        log: Where predictions are logged.
        clock: What "now" is.
        settings: `api_keys` says who may ask; without any, only this machine may.

    Returns:
        The app; `app.state.keys_required` says whether it asks for keys.

    Raises:
        InvalidInputError: `api_keys` is not of its form.
    """
    keys = access.parse_keys(settings.api_keys)
    app = FastAPI(
        title="mlinfra",
        summary="Features of now, and predictions that can be reproduced.",
        version="1",
        default_response_class=JsonResponse,
    )
    app.state.keys_required = bool(keys)
    app.add_middleware(Guard, max_bytes=MAX_BODY_BYTES, hosts=None if keys else LOOPBACK_NAMES)
    handle_problems(app)
    _add_health(app, store, log)
    predictor = Predictor(store, log, clock)

    @app.post(
        "/v1/features",
        summary="Features of entities, as of now",
        response_model=FeaturesAnswer,
        dependencies=[Depends(access.requires(keys, access.FEATURES))],
    )
    def features(request: Annotated[FeaturesRequest, Body()]) -> JsonResponse:
        """The values that the views have for each entity at this moment, computed when they are asked for."""
        t = to_micros(clock.now())
        given = request_values(store, request.features, request.request, len(request.entities))
        found = read_features(store, request.features, request.entities, t, given)
        frozen = frozen_views(store, found[0].vectors, t)
        results = [
            {
                "entity": one.entity,
                "features": one.values(request.features),
                "views": {view: view_state(vector) for view, vector in one.vectors.items()},
                "scores": one.scores,
            }
            for one in found
        ]
        return JsonResponse({"at": time(t), "results": results, "frozen": frozen}, headers=headers(frozen))

    @app.post(
        "/v1/predict/{model}",
        summary="Predictions about entities, logged before they are answered",
        response_model=PredictAnswer,
        dependencies=[Depends(access.requires(keys, access.PREDICT))],
    )
    def predict(
        model: Annotated[str, Path(max_length=128)], request: Annotated[PredictRequest, Body()]
    ) -> JsonResponse:
        """One prediction for each entity by the version in production. An entity never seen is scored on nulls."""
        made = predictor.predict(model, request.entities)
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

    return app


def _add_health(app: FastAPI, store: OnlineStore, log: StreamLog) -> None:
    @app.get("/health/live", summary="Whether the process answers")
    def live() -> JsonResponse:
        return JsonResponse({"status": "live"})

    @app.get("/health/ready", summary="Whether features can be served, and from which pushes")
    def ready() -> JsonResponse:
        return JsonResponse(readiness(store, log))
