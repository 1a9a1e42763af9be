"""A client of the API: `Client`, and `AsyncClient` for asyncio. It needs httpx alone."""

from mlinfra_assets.client.aio import AsyncClient
from mlinfra_assets.client.errors import (
    ApiDownError,
    ApiError,
    NotAllowedError,
    NotFoundError,
    RefusedError,
    TooManyRequestsError,
)
from mlinfra_assets.client.sync import Client

__all__ = [
    "ApiDownError",
    "ApiError",
    "AsyncClient",
    "Client",
    "NotAllowedError",
    "NotFoundError",
    "RefusedError",
    "TooManyRequestsError",
]
