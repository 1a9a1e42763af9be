"""How requests are sent: to whom, with which key, how long, and when again."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from random import uniform
from typing import Any

import httpx

from mlinfra_assets.client.calls import Call
from mlinfra_assets.client.errors import ApiDownError, ApiError, TooManyRequestsError

URL, KEY = "MLINFRA_API_URL", "MLINFRA_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8090"
FIRST_WAIT, LONGEST_WAIT = 0.1, 5.0
AGAIN = frozenset({502, 503, 504})


@dataclass(frozen=True)
class Sending:
    """Who is asked, and how.

    Attributes:
        url: The API's address.
        timeout: Seconds that connecting, sending or waiting for the next bytes may take.
        retries: How often a request is sent again.
    """

    url: str
    timeout: float
    retries: int

    def options(self, key: str | None) -> dict[str, Any]:
        """What an httpx client is made with. The key is not kept here, so that printing this shows none."""
        given = os.environ.get(KEY, "") if key is None else key
        headers = {"authorization": f"Bearer {given}"} if given else {}
        return {"base_url": self.url, "headers": headers, "timeout": self.timeout, "follow_redirects": False}

    def wait(self, call: Call[Any], error: ApiError, attempt: int) -> float | None:
        """Seconds after which a request is sent again (`attempt` counts from 0); None: it is not.

        A request is sent again if it cannot have been worked on (there was no connection, or the API turned it away for
        coming too often), or if sending it twice is the same as sending it once.
        """
        untouched = isinstance(error, TooManyRequestsError) or isinstance(error.__cause__, httpx.ConnectError)
        passing = isinstance(error, ApiDownError) and (error.status is None or error.status in AGAIN)
        if attempt >= self.retries or not (untouched or (call.repeatable and passing)):
            return None
        wait = min(LONGEST_WAIT, FIRST_WAIT * 2**attempt) * uniform(0.5, 1.0)  # noqa: S311 - spreads retries
        return wait if error.retry_after is None else max(wait, min(LONGEST_WAIT, error.retry_after))


def sending(url: str | None, timeout: float, retries: int) -> Sending:
    """From arguments, and from the environment where they say nothing."""
    return Sending(url or os.environ.get(URL, "") or DEFAULT_URL, timeout, retries)


def arguments(call: Call[Any]) -> dict[str, Any]:
    """A request as httpx takes it."""
    given: dict[str, Any] = {"method": call.method, "url": call.path}
    options: Mapping[str, object] = {"params": call.params, "headers": call.headers, "json": call.body}
    return given | {name: value for name, value in options.items() if value is not None}


def unreachable(error: httpx.TransportError, url: str) -> ApiError:
    """What to say of a request that got no answer."""
    return ApiDownError(f"the API at {url} does not answer ({type(error).__name__}: {error}): see that it runs")
