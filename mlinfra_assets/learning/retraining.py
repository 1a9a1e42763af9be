"""The declaration of when a model is trained again."""

from __future__ import annotations

from dataclasses import dataclass

from mlinfra_assets.feature_store.duration import parse_duration
from mlinfra_assets.feature_store.errors import DefinitionError


@dataclass(frozen=True)
class Retraining:
    """When a model is trained again. Any of the conditions is enough, and none asks for the same data twice.

    Attributes:
        every: So long after the last training; None: never for its age alone.
        cutoffs: Once so many cutoffs have a known label that the last training did not have; None: never for that.
        drift: When the drift check fails.
        performance: When a performance check fails.
    """

    every: str | None = "30d"
    cutoffs: int | None = None
    drift: bool = True
    performance: bool = True

    def __post_init__(self) -> None:
        if self.every is not None:
            parse_duration(self.every, "retraining every")
        if self.cutoffs is not None and self.cutoffs < 1:
            raise DefinitionError(f"retraining cutoffs={self.cutoffs}: at least 1, or None")

    @property
    def every_us(self) -> int | None:
        """The longest time between two trainings in microseconds."""
        return None if self.every is None else parse_duration(self.every, "retraining every")
