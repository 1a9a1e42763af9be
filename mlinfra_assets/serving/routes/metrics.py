"""`/metrics`: what the API counts, for Prometheus."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

from mlinfra_assets.serving import access
from mlinfra_assets.serving.metrics import Metrics


def metrics_routes(metrics: Metrics) -> APIRouter:
    """The address that Prometheus asks. Where there are keys it takes one with the scope `metrics`.

    Args:
        metrics: The numbers.
    """
    router = APIRouter()

    @router.get(
        "/metrics",
        summary="What the API counts, in Prometheus's text form",
        response_class=Response,
        dependencies=[Depends(access.requires(access.METRICS))],
    )
    def read() -> Response:
        """Requests by address and status, how long they took, and what is held; for whoever scrapes it."""
        return Response(metrics.text(), media_type=CONTENT_TYPE_LATEST)

    return router
