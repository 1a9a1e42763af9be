"""Whether the API can answer, and from what."""

from __future__ import annotations

from mlinfra_assets.feature_store.online.errors import NotLoadedError
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.serving.answers import time
from mlinfra_assets.serving.frozen import of_view
from mlinfra_assets.streams.write_ahead.log import WriteAheadLog


def readiness(store: OnlineStore, predictions: WriteAheadLog) -> dict[str, object]:
    """What is loaded.

    Raises:
        UnavailableError: Redis cannot be reached, or nothing is loaded.
    """
    views = store.views()
    if not views:
        raise NotLoadedError("Redis holds no feature views: materialize online/<view> for each to push them")
    opened = store.breakers.all()
    return {
        "status": "ready",
        "views": {
            view.name: {
                "version": view.version,
                "entities": view.entities,
                "known_up_to": time(view.epoch),
                "open_breakers": of_view(opened, view.name, view.watermark),
            }
            for view in views
        },
        "predictions_waiting": predictions.waiting().records,
        "models": {name: store.model_version(name) for name in store.models()},
    }
