"""`/docs`: what the API offers, for people."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from mlinfra_assets.serving.docs_page import POLICY, docs_page


def docs_routes() -> APIRouter:
    """The address that shows the documentation. It is not part of what it shows."""
    router = APIRouter()

    @router.get("/docs", include_in_schema=False)
    def docs(request: Request) -> HTMLResponse:
        return HTMLResponse(docs_page(request.app.openapi()), headers={"content-security-policy": POLICY})

    return router
