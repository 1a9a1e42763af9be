"""A client of the API: asks for predictions and features over HTTP, as an application would."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import httpx

from mlinfra_assets.errors import UnavailableError

BATCH = 500
TIMEOUT = 60.0


class Caller:
    """Calls one API.

    Args:
        url: Its address.
        model: The model to ask.
    """

    def __init__(self, url: str, model: str) -> None:
        self._url = url
        self._model = model

    def predict(self, entities: Sequence[dict[str, Any]], done: set[str]) -> int:
        """Ask for a prediction for every entity that is not done yet; returns how many were made."""
        waiting = [e for e in entities if json.dumps(e, separators=(",", ":")) not in done]
        for start in range(0, len(waiting), BATCH):
            self._post(f"/v1/predict/{self._model}", {"entities": waiting[start : start + BATCH]})
        return len(waiting)

    def sample(self, view: str, entities: Sequence[dict[str, Any]]) -> tuple[dict[str, Any], dict[str, Any]]:
        """The key and the features, by name, of the entity in the middle of some."""
        if not entities:
            return {}, {}
        entity = entities[len(entities) // 2]
        answer = self._post("/v1/features", {"features": [view], "entities": [entity]})
        return entity, answer["results"][0]["features"]

    def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = httpx.post(self._url + path, json=body, timeout=TIMEOUT, trust_env=False)
        except httpx.HTTPError as error:
            raise UnavailableError(f"the API at {self._url} did not answer {path}: {error}") from error
        if answer.status_code != httpx.codes.OK:
            raise UnavailableError(f"the API answered {path} with {answer.status_code}: {answer.text[:500]}")
        return answer.json()
