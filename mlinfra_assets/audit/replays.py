"""Replays of single predictions for whoever serves them: the lake behind the API."""

from __future__ import annotations

from collections.abc import Mapping

from mlinfra_assets.audit.replay import UnknownPredictionError, replay
from mlinfra_assets.contracts.source import Source
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.registry.registry import Registry


class LakeReplays:
    """Computes logged predictions from raw again.

    Args:
        lake: Where everything is.
        sources: The declared sources: how raw records are decoded.
        max_payload_bytes: The limit that ingestion had.
    """

    def __init__(self, lake: Lake, sources: Mapping[str, Source], max_payload_bytes: int) -> None:
        self._lake, self._sources, self._max_payload_bytes = lake, sources, max_payload_bytes

    def replay(self, prediction_id: str) -> Mapping[str, object] | None:
        """A prediction as it was logged and as raw gives it, JSON-ready; None if there is no such prediction.

        Raises:
            InvalidInputError: Its row is no prediction event.
        """
        registry = Registry(self._lake)
        try:
            found = replay(
                prediction_id, self._lake, registry, self._sources, max_payload_bytes=self._max_payload_bytes
            )
        except UnknownPredictionError:
            return None
        return found.to_dict()
