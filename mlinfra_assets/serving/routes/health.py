"""`/health`: whether the process answers, and from what."""

from __future__ import annotations

from fastapi import APIRouter

from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.serving.answers import JsonResponse
from mlinfra_assets.serving.health import readiness
from mlinfra_assets.streams.write_ahead.log import WriteAheadLog


def health_routes(store: OnlineStore, predictions: WriteAheadLog) -> APIRouter:
    """The addresses that say how the API stands. They ask for no key.

    Args:
        store: Where features and models are.
        predictions: Knows how many predictions wait for their stream.
    """
    router = APIRouter()

    @router.get("/health/live", summary="Whether the process answers")
    def live() -> JsonResponse:
        """For whoever restarts what does not answer: nothing outside of the process is asked."""
        return JsonResponse({"status": "live"})

    @router.get("/health/ready", summary="Whether features can be served, and from which pushes")
    def ready() -> JsonResponse:
        """503 while Redis or the stream cannot be reached, or nothing is loaded."""
        return JsonResponse(readiness(store, predictions))

    return router
