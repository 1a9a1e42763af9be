"""The version of a model that is in production, with its file, into Redis."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mlinfra_assets.clock import to_micros
from mlinfra_assets.feature_store.online.store import OnlineStore
from mlinfra_assets.lake.lake import Lake
from mlinfra_assets.learning.model import ModelSpec
from mlinfra_assets.learning.store import ModelStore


@dataclass(frozen=True)
class PushedModel:
    """What one push of a model came to.

    Attributes:
        version: The version.
        promoted_at: When it went into production (UTC).
        inputs: Its inputs, in order.
        bytes: Size of its file.
    """

    version: str
    promoted_at: datetime
    inputs: tuple[str, ...]
    bytes: int


def push_model(lake: Lake, store: OnlineStore, model: ModelSpec) -> PushedModel | None:
    """Push the version in production; None if no version was ever promoted.

    Raises:
        UnavailableError: Redis cannot be reached.
        ModelDamagedError: The stored file is not the one that was stored.
    """
    models = ModelStore(lake, model.name)
    production = models.production()
    if production is None:
        return None
    stored = models.load(production.version)
    store.push_model(model.name, stored.version, stored.onnx, stored.inputs, to_micros(production.promoted_at))
    return PushedModel(stored.version, production.promoted_at, stored.inputs, len(stored.onnx))
