"""The app: what its groups of addresses are made of."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI

from mlinfra_assets import names
from mlinfra_assets.clock import Clock
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.serving.access_log import AccessLog
from mlinfra_assets.serving.answers import JsonResponse
from mlinfra_assets.serving.gate import Gate
from mlinfra_assets.serving.guard import Guard
from mlinfra_assets.serving.intake import Intake
from mlinfra_assets.serving.keyring import Keyring
from mlinfra_assets.serving.lake_side import LakeSide
from mlinfra_assets.serving.measures import (
    access_log_measures,
    live_measures,
    log_measures,
    store_measures,
    waiting_measures,
)
from mlinfra_assets.serving.metrics import Metrics
from mlinfra_assets.serving.observer import Observer
from mlinfra_assets.serving.plain import PlainFeatures
from mlinfra_assets.serving.predict import Predictor
from mlinfra_assets.serving.problems import handle_problems
from mlinfra_assets.serving.routes.docs import docs_routes
from mlinfra_assets.serving.routes.feast import feast_routes
from mlinfra_assets.serving.routes.features import features_routes
from mlinfra_assets.serving.routes.health import health_routes
from mlinfra_assets.serving.routes.ingest import ingest_routes
from mlinfra_assets.serving.routes.metrics import metrics_routes
from mlinfra_assets.serving.routes.outcomes import outcomes_routes
from mlinfra_assets.serving.routes.predict import predict_routes
from mlinfra_assets.serving.routes.registry import registry_routes
from mlinfra_assets.serving.routes.replay import replay_routes
from mlinfra_assets.serving.routes.training_sets import training_set_routes
from mlinfra_assets.settings import Settings
from mlinfra_assets.streams.log import StreamLog
from mlinfra_assets.streams.write_ahead.log import WriteAheadLog


def create_app(
    store: OnlineStore,
    log: StreamLog,
    clock: Clock,
    settings: Settings,
    *,
    intake: Intake | None = None,
    lake: LakeSide | None = None,
) -> FastAPI:
    """The API over an online store and the stream that predictions are logged to.

    Args:
        store: Where features and models are.
        log: Where predictions belong.
        clock: What "now" is.
        settings: `api_keys` and `api_keys_file` say who may ask (without any, only this machine may), `api_max_*` and
            `api_*_per_second` how much.
        intake: Takes records and outcomes; None: they are not taken.
        lake: Makes training sets, and knows what there is; None: these addresses answer 503.

    Returns:
        The app; `app.state.keys_required` says whether it asks for keys, `app.state.limits` holds the settings,
        `app.state.predictions` is the way of predictions into the stream, by way of files in the home folder.

    Raises:
        InvalidInputError: The keys are not of their form.
    """
    keys = Keyring(settings)
    predictions = WriteAheadLog(
        log, names.PREDICTIONS, settings.home / "write-ahead" / names.PREDICTIONS, settings.write_ahead_max_bytes
    )
    access_log, metrics = AccessLog(settings), Metrics()
    metrics.measure(partial(store_measures, store, clock))
    metrics.measure(partial(live_measures, store, clock))
    metrics.measure(partial(log_measures, log))
    metrics.measure(partial(waiting_measures, predictions))
    metrics.measure(partial(access_log_measures, access_log))
    app = FastAPI(
        title="mlinfra",
        summary="Features of now, and predictions that can be reproduced.",
        version="1",
        default_response_class=JsonResponse,
        # FastAPI's own pages load their scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
    )
    app.state.keys_required, app.state.limits = keys.required, settings
    app.add_middleware(PlainFeatures, store=store, clock=clock)
    app.add_middleware(Guard, keys=keys, settings=settings)
    app.add_middleware(Gate, keys=keys, settings=settings)
    app.add_middleware(Observer, log=access_log, metrics=metrics)
    handle_problems(app)
    app.state.predictions = predictions
    app.include_router(docs_routes())
    app.include_router(health_routes(store, predictions))
    app.include_router(metrics_routes(metrics))
    app.include_router(features_routes(store, clock))
    app.include_router(feast_routes(store, clock))
    app.include_router(predict_routes(store, Predictor(store, predictions, clock)))
    if intake is not None:
        app.include_router(ingest_routes(intake))
        app.include_router(outcomes_routes(intake))
    app.include_router(training_set_routes(lake))
    app.include_router(registry_routes(lake))
    app.include_router(replay_routes(lake))
    return app
