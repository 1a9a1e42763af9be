"""The app: what its groups of addresses are made of."""

from __future__ import annotations

from fastapi import FastAPI

from mlinfra_assets.clock import Clock
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.serving import access
from mlinfra_assets.serving.answers import JsonResponse
from mlinfra_assets.serving.guard import LOOPBACK_NAMES, Guard
from mlinfra_assets.serving.predict import Predictor
from mlinfra_assets.serving.problems import handle_problems
from mlinfra_assets.serving.routes.feast import feast_routes
from mlinfra_assets.serving.routes.features import features_routes
from mlinfra_assets.serving.routes.health import health_routes
from mlinfra_assets.serving.routes.predict import predict_routes
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
    app.include_router(health_routes(store, log))
    app.include_router(features_routes(store, clock, keys))
    app.include_router(feast_routes(store, clock, keys))
    app.include_router(predict_routes(store, Predictor(store, log, clock), keys))
    return app
