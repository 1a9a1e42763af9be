"""What a read answers for one entity."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from mlinfra_assets.positions import Positions

Status = Literal["present", "not_found", "expired"]
STATUSES: tuple[Status, ...] = ("present", "not_found", "expired")
"""By the engine's numbers."""

Value = int | float | str | bool | datetime | date | None


@dataclass(frozen=True)
class OnlineVector:
    """The features of one entity at one moment, and what they rest on.

    Attributes:
        values: By feature name, in the order of the view or as asked for. Times are UTC.
        status: `not_found`: the store has no row of the entity that counts; `expired`: the latest is older than the
            view's TTL.
        event_time: Of the latest row, microseconds since 1970 UTC; None if there is none.
        version: Version of the view.
        watermark: What the store had been fed of each source.
        epoch: Known-at time of the newest row fed to it, microseconds since 1970 UTC.
        scores: Version of each model whose score is among the features.
        run: The run that pushed what is served; empty if none is known.
    """

    values: Mapping[str, Value]
    status: Status
    event_time: int | None
    version: str
    watermark: Mapping[str, Positions]
    epoch: int
    scores: Mapping[str, str]
    run: str = ""
