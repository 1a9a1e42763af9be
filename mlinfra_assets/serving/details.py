"""What each value of an answer rests on, for whoever asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from mlinfra_assets.feature_store.online.vector import OnlineVector, Value
from mlinfra_assets.serving.answers import time, watermark
from mlinfra_assets.serving.features import EntityVectors

ValueStatus = Literal["present", "null", "not_found", "expired"]


def value_status(vector: OnlineVector, value: Value) -> ValueStatus:
    """`present` or `null` for an entity that the view serves; else why it does not."""
    return "null" if vector.status == "present" and value is None else vector.status


def value_details(one: EntityVectors, references: Sequence[str]) -> dict[str, dict[str, object]]:
    """Status, event time, version, run and watermark of each value, by `"view:feature"`."""
    views = {view: _of_view(vector) for view, vector in one.vectors.items()}
    found: dict[str, dict[str, object]] = {}
    for name, value in one.values(references).items():
        view = name.partition(":")[0]
        found[name] = {"status": value_status(one.vectors[view], value), **views[view]}
    return found


def _of_view(vector: OnlineVector) -> dict[str, object]:
    return {
        "event_time": None if vector.event_time is None else time(vector.event_time),
        "version": vector.version,
        "run": vector.run,
        "watermark": watermark(vector),
    }
