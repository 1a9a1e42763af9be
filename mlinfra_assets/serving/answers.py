"""Answers as JSON: floats in the shortest form that reads back as the same bits, times in UTC."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response

from mlinfra_assets.clock import from_micros
from mlinfra_assets.feature_store.online.vector import OnlineVector


class JsonResponse(Response):
    """A JSON answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401 - whatever JSON can hold
        """The bytes of an answer."""
        return orjson.dumps(content, option=orjson.OPT_UTC_Z)


def time(micros: int) -> str:
    """A moment as text: ISO 8601 in UTC."""
    return from_micros(micros).isoformat().replace("+00:00", "Z")


def watermark(vector: OnlineVector) -> dict[str, object]:
    """What a vector's store had been fed of each source."""
    return {source: positions.to_dict() for source, positions in sorted(vector.watermark.items())}


def view_state(vector: OnlineVector) -> dict[str, object]:
    """What a vector rests on, for whoever asked."""
    return {
        "status": vector.status,
        "version": vector.version,
        "watermark": watermark(vector),
        "known_up_to": time(vector.epoch),
        "latest_event": None if vector.event_time is None else time(vector.event_time),
    }
